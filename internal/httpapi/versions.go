package httpapi

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/app"
)

// APIVersions are the dates that a request may ask for, oldest first. Without one a request gets the oldest.
var APIVersions = []string{"2021-02-05", "2024-10-01", "2025-03-12", "2025-04-10", "2025-11-10", "2026-05-12"}

// removal is what a later API version took away from an operation. This table is all that differs by version.
type removal struct {
	since     string // the first version without it
	operation bool   // the whole operation; refused only where the settings ask for it, as SDKs still call it
	fields    []string
}

var removed = map[string]removal{
	"POST /v1/sessions/{session_id}/verify": {since: "2025-04-10", operation: true},
	"PATCH /v1/users/{user_id}":             {since: "2026-05-12", fields: []string{"public_metadata", "private_metadata", "unsafe_metadata"}},
}

func (d removal) check(a *app.App, version string) error {
	if d.operation && a.Settings.StrictVerify && version >= d.since {
		return plain(http.StatusGone, "operation_deprecated", "endpoint is deprecated", "The API version "+version+" does not have this operation.")
	}
	return nil
}

func (d removal) fieldsAt(version string) []string {
	if version < d.since {
		return nil
	}
	return d.fields
}

// chooseVersion reads the API version that a request asks for.
func chooseVersion(r *http.Request) (string, error) {
	header, query := r.Header.Get("Clerk-API-Version"), ""
	if strings.Contains(r.URL.RawQuery, "__clerk_api_version") {
		query = r.URL.Query().Get("__clerk_api_version")
	}
	version := header + query
	switch {
	case version == "":
		return APIVersions[0], nil
	case header != "" && query != "":
		return "", badVersion("it stands in the header and in the query")
	case !slices.Contains(APIVersions, version):
		return "", badVersion("no such version")
	default:
		return version, nil
	}
}

func badVersion(reason string) *api.Error {
	return plain(http.StatusBadRequest, "api_version_invalid", "invalid API version", "The API version is invalid: "+reason+".")
}

// What the outer handlers know of a request travels in its context, in one value.
type requestInfo struct {
	trace   string
	version string

	visitor *app.Visitor // of the Frontend API
	host    string       // and the URL that the visitor used: host with port, and whether over TLS
	secure  bool
}

type infoKey struct{}

func withInfo(ctx context.Context, r *http.Request, info *requestInfo) *http.Request {
	return r.WithContext(context.WithValue(ctx, infoKey{}, info))
}

func infoOf(r *http.Request) *requestInfo {
	if info, ok := r.Context().Value(infoKey{}).(*requestInfo); ok {
		return info
	}
	return &requestInfo{}
}

func traceOf(r *http.Request) string   { return infoOf(r).trace }
func versionOf(r *http.Request) string { return infoOf(r).version }
