package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/claims"
	"github.com/sojourn-auth/sojourn/internal/store"
	"github.com/sojourn-auth/sojourn/internal/token"
)

// Bounds of the contract, sections 3.6 and 5.3, in seconds.
const (
	minTokenLifetime  = 30
	maxTokenLifetime  = 315_360_000
	defaultClockSkew  = 5
	maxClockSkew      = 300
	maxTemplateName   = 128
	defaultAlgorithm  = "RS256"
	templateKeyPrefix = "jwt_template:" // binds a sealed key to its template
)

// templateName keeps names to what survives a URL path.
var templateName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.\-]*$`)

// ListTemplates lists JWT templates, newest first.
func (a *App) ListTemplates(ctx context.Context, req *api.ListTemplates) (*api.List[api.JWTTemplate], error) {
	found, err := a.Store.Templates(ctx, req.Limit, req.Offset)
	if err != nil {
		return nil, err
	}
	list := &api.List[api.JWTTemplate]{Data: make([]api.JWTTemplate, len(found)), Enveloped: req.Paginated}
	for i, t := range found {
		list.Data[i] = *templateView(t)
	}
	if req.Paginated {
		list.TotalCount, err = a.Store.CountTemplates(ctx)
	}
	return list, err
}

// GetTemplate finds a JWT template by id.
func (a *App) GetTemplate(ctx context.Context, req *api.TemplateRef) (*api.JWTTemplate, error) {
	t, err := a.Store.Template(ctx, req.TemplateID)
	if err != nil {
		return nil, whenAbsent(err, templateNotFound("id", req.TemplateID))
	}
	return templateView(t), nil
}

// CreateTemplate saves a new JWT template. Its claims are parsed here, so that minting cannot fail on them.
func (a *App) CreateTemplate(ctx context.Context, req *api.WriteTemplate) (*api.JWTTemplate, error) {
	now := a.now()
	t := store.Template{ID: a.NewID("jtmpl_"), CreatedAt: now, UpdatedAt: now, Lifetime: a.Settings.TokenLifetime, ClockSkew: defaultClockSkew * time.Second, Algorithm: defaultAlgorithm}
	if err := a.fillTemplate(&t, req); err != nil {
		return nil, err
	}
	err := a.Store.Update(ctx, func(tx store.Conn) error { return tx.InsertTemplate(ctx, t) })
	if err != nil {
		return nil, whenNameTaken(err)
	}
	return templateView(t), nil
}

// UpdateTemplate replaces a JWT template. Its name and claims are required; the rest stays when absent.
func (a *App) UpdateTemplate(ctx context.Context, req *api.WriteTemplate) (*api.JWTTemplate, error) {
	var t store.Template
	err := a.Store.Update(ctx, func(tx store.Conn) (err error) {
		if t, err = tx.Template(ctx, req.TemplateID); err != nil {
			return whenAbsent(err, templateNotFound("id", req.TemplateID))
		}
		if err := a.fillTemplate(&t, req); err != nil {
			return err
		}
		t.UpdatedAt = a.now()
		return tx.UpdateTemplate(ctx, t)
	})
	if err != nil {
		return nil, whenNameTaken(err)
	}
	return templateView(t), nil
}

// DeleteTemplate deletes a JWT template.
func (a *App) DeleteTemplate(ctx context.Context, req *api.TemplateRef) (*api.Deleted, error) {
	err := a.Store.Update(ctx, func(tx store.Conn) error { return tx.DeleteTemplate(ctx, req.TemplateID) })
	if err != nil {
		return nil, whenAbsent(err, templateNotFound("id", req.TemplateID))
	}
	return &api.Deleted{Object: "jwt_template", ID: req.TemplateID, Deleted: true}, nil
}

// fillTemplate writes a request into a template, or says what is wrong with it.
func (a *App) fillTemplate(t *store.Template, req *api.WriteTemplate) error {
	name, _ := req.Name.Get()
	raw, _ := req.Claims.Get()
	switch {
	case name == "":
		return missing("name")
	case len(name) > maxTemplateName:
		return tooLong("name", maxTemplateName)
	case !templateName.MatchString(name):
		return badFormat("name", "made of letters, digits, '_', '-' and '.', and begin with a letter or digit")
	case len(raw) == 0:
		return missing("claims")
	}
	if err := checkClaims("claims", raw); err != nil {
		return err
	}
	lifetime := req.Lifetime.Or(int64(t.Lifetime / time.Second))
	skew := req.AllowedClockSkew.Or(int64(t.ClockSkew / time.Second))
	if err := within("lifetime", lifetime, minTokenLifetime, maxTokenLifetime); err != nil {
		return err
	}
	if err := within("allowed_clock_skew", skew, 0, maxClockSkew); err != nil {
		return err
	}
	t.Name, t.Claims = name, compact(raw)
	t.Lifetime, t.ClockSkew = time.Duration(lifetime)*time.Second, time.Duration(skew)*time.Second
	return a.fillTemplateKey(t, req)
}

func (a *App) fillTemplateKey(t *store.Template, req *api.WriteTemplate) error {
	custom := req.CustomSigningKey.Or(t.SealedKey != nil)
	if !custom {
		if algorithm := req.SigningAlgorithm.Or(defaultAlgorithm); algorithm != defaultAlgorithm {
			return needsAlso("custom_signing_key", "signing_algorithm "+algorithm)
		}
		if _, ok := req.SigningKey.Get(); ok {
			return needsAlso("custom_signing_key", "signing_key")
		}
		t.Algorithm, t.SealedKey = defaultAlgorithm, nil
		return nil
	}
	key, hasKey := req.SigningKey.Get()
	algorithm, hasAlgorithm := req.SigningAlgorithm.Get()
	switch {
	case !hasKey && !hasAlgorithm && t.SealedKey != nil:
		return nil // the key it has already
	case !hasKey:
		return needsAlso("signing_key", "custom_signing_key")
	case !hasAlgorithm:
		return needsAlso("signing_algorithm", "custom_signing_key")
	case !slices.Contains(token.Algorithms, algorithm):
		return notAllowed("signing_algorithm", algorithm, token.Algorithms...)
	}
	if _, err := token.ParseCustomKey(algorithm, key); err != nil {
		return badFormat("signing_key", "a key for "+algorithm+": "+err.Error())
	}
	sealed, err := a.Master.Seal([]byte(key), templateKeyPrefix+t.ID)
	if err != nil {
		return err
	}
	t.Algorithm, t.SealedKey = algorithm, sealed
	return nil
}

// checkClaims refuses claims that cannot be read, or that belong to the server.
func checkClaims(param string, raw json.RawMessage) error {
	parsed, err := claims.Parse(raw)
	if err == nil {
		err = parsed.CheckReserved()
	}
	var bad *claims.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &bad) && bad.Reserved != "":
		return at(param, fail(400, "jwt_template_reserved_claim", "reserved claim used", "The claim "+bad.Reserved+" is written by the server and cannot be set."))
	default:
		return at(param, fail(422, "form_param_value_invalid", "is invalid", "Cannot read the claims: "+err.Error()+"."))
	}
}

func compact(raw json.RawMessage) string {
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil {
		return string(raw)
	}
	return b.String()
}

func templateNotFound(by, value string) *api.Error {
	return notFound("JWT template", "There is no JWT template with the "+by+" "+value+".")
}

func whenNameTaken(err error) error {
	if errors.Is(err, store.ErrExists) {
		return at("name", fail(422, "form_already_exists", "already exists", "There is a JWT template with this name already."))
	}
	return err
}

func templateView(t store.Template) *api.JWTTemplate {
	return &api.JWTTemplate{
		Object: "jwt_template", ID: t.ID, Name: t.Name, Claims: json.RawMessage(t.Claims),
		Lifetime: int64(t.Lifetime / time.Second), AllowedClockSkew: int64(t.ClockSkew / time.Second),
		CustomSigningKey: t.SealedKey != nil, SigningAlgorithm: t.Algorithm,
		CreatedAt: t.CreatedAt.UnixMilli(), UpdatedAt: t.UpdatedAt.UnixMilli(),
	}
}
