package app

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/store"
)

// fail makes an error that callers act on. The codes are the contract's, section 1.8; the words are ours.
func fail(status int, code, message, long string) *api.Error {
	return &api.Error{Status: status, Errors: []api.ErrorDetail{{Message: message, LongMessage: long, Code: code}}}
}

// at names the parameter that an error is about.
func at(param string, err *api.Error) *api.Error {
	for i := range err.Errors {
		err.Errors[i].Meta = &api.ErrorMeta{ParamName: param}
	}
	return err
}

// placed names the parameter that an error is about, if callers can act on it.
func placed(param string, err error) error {
	if told, ok := errors.AsType[*api.Error](err); ok && told.Code() != "user_locked" {
		return at(param, told)
	}
	return err
}

func notFound(what, long string) *api.Error {
	return fail(404, "resource_not_found", what+" not found", long)
}

func sessionNotFound(id string) *api.Error {
	return notFound("Session", "There is no session with the id "+id+".")
}

func userNotFound(id string) *api.Error {
	return notFound("User", "There is no user with the id "+id+".")
}

func clientNotFound(id string) *api.Error {
	return notFound("Client", "There is no client with the id "+id+".")
}

// missing says that a required parameter is absent.
func missing(param string) *api.Error {
	return at(param, fail(422, "form_param_missing", "is missing", param+" is required."))
}

// notAllowed says that a value is none of those a parameter takes.
func notAllowed(param, value string, allowed ...string) *api.Error {
	return at(param, fail(422, "form_param_value_invalid", "is invalid",
		fmt.Sprintf("%s cannot be %q; it takes: %s.", param, value, strings.Join(allowed, ", "))))
}

// badFormat says that a value is not what a parameter's form asks for.
func badFormat(param, want string) *api.Error {
	return at(param, fail(422, "form_param_format_invalid", "is invalid", param+" must be "+want+"."))
}

func badTime(param string) *api.Error {
	return at(param, fail(422, "form_param_invalid_time", "invalid format", param+" must be a time as in RFC 3339, such as 2022-10-20T10:00:27.645Z."))
}

func tooSmall(param string, least int64) *api.Error {
	return at(param, fail(422, "form_param_value_invalid", "is invalid", fmt.Sprintf("%s must be %d or more.", param, least)))
}

func tooLarge(param string, most int64) *api.Error {
	return at(param, fail(422, "form_param_value_too_large", "value too large", fmt.Sprintf("%s must be %d or less.", param, most)))
}

func tooMany(param string, most int) *api.Error {
	return at(param, fail(422, "form_param_array_size_exceeded", "exceeds maximum size", fmt.Sprintf("%s takes at most %d items.", param, most)))
}

func tooLong(param string, most int) *api.Error {
	return at(param, fail(422, "form_param_max_length_exceeded", "exceeds maximum length", fmt.Sprintf("%s takes at most %d characters.", param, most)))
}

func duplicate(param string) *api.Error {
	return at(param, fail(422, "form_param_duplicate", "is duplicate", param+" holds the same value more than once."))
}

func needsAlso(param, with string) *api.Error {
	return at(param, fail(422, "form_conditional_param_missing", "is missing", fmt.Sprintf("%s is required together with %s.", param, with)))
}

func notTogether(param, with string) *api.Error {
	return at(param, fail(422, "form_conditional_param_disallowed", "is not allowed", fmt.Sprintf("%s cannot be used together with %s.", param, with)))
}

// taken says that an identifier belongs to another user.
func taken(param string) *api.Error {
	return at(param, fail(422, "form_identifier_exists", "is taken", "Another user has this "+param+"."))
}

func featureOff(param string) *api.Error {
	return at(param, fail(403, "feature_not_enabled", "not enabled", param+" belongs to a feature that this server does not have."))
}

// whenAbsent turns the store's ErrNotFound into an error that callers act on, and leaves others alone.
func whenAbsent(err error, answer *api.Error) error {
	if errors.Is(err, store.ErrNotFound) {
		return answer
	}
	return err
}

// within checks a number against its bounds.
func within(param string, v, least, most int64) *api.Error {
	switch {
	case v < least:
		return tooSmall(param, least)
	case v > most:
		return tooLarge(param, most)
	default:
		return nil
	}
}
