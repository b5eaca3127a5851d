package store

import (
	"context"
	"encoding/base64"
	"time"
)

// Template is a stored JWT template.
type Template struct {
	ID        string
	Name      string
	Claims    string // JSON as given
	Lifetime  time.Duration
	ClockSkew time.Duration
	Algorithm string
	SealedKey []byte // the custom signing key, sealed with the master key; nil: the instance's keys sign
	CreatedAt time.Time
	UpdatedAt time.Time
}

const templateColumns = `id, name, claims, lifetime_s, skew_s, algorithm, signing_key, created_at, updated_at`

func scanTemplate(r row) (t Template, err error) {
	var (
		lifetime, skew, created, updated int64
		key                              *string
	)
	if err := r.Scan(&t.ID, &t.Name, &t.Claims, &lifetime, &skew, &t.Algorithm, &key, &created, &updated); err != nil {
		return t, err
	}
	t.Lifetime, t.ClockSkew = time.Duration(lifetime)*time.Second, time.Duration(skew)*time.Second
	t.CreatedAt, t.UpdatedAt = moment(created), moment(updated)
	if key != nil {
		t.SealedKey, err = base64.StdEncoding.DecodeString(*key)
	}
	return t, err
}

func (t Template) args() []any {
	var key *string
	if t.SealedKey != nil {
		key = optional(base64.StdEncoding.EncodeToString(t.SealedKey))
	}
	return []any{t.ID, t.Name, t.Claims, int64(t.Lifetime / time.Second), int64(t.ClockSkew / time.Second), t.Algorithm, key, ms(t.CreatedAt), ms(t.UpdatedAt)}
}

// Template finds a template by id, or ErrNotFound.
func (c Conn) Template(ctx context.Context, id string) (Template, error) {
	return one(ctx, c, scanTemplate, `SELECT `+templateColumns+` FROM jwt_templates WHERE id = $1`, id)
}

// TemplateNamed finds a template by name, or ErrNotFound.
func (c Conn) TemplateNamed(ctx context.Context, name string) (Template, error) {
	return one(ctx, c, scanTemplate, `SELECT `+templateColumns+` FROM jwt_templates WHERE name = $1`, name)
}

// Templates lists templates, newest first.
func (c Conn) Templates(ctx context.Context, limit, offset int64) ([]Template, error) {
	return many(ctx, c, scanTemplate, `SELECT `+templateColumns+` FROM jwt_templates
		ORDER BY created_at DESC, id DESC LIMIT $1 OFFSET $2`, limit, offset)
}

// CountTemplates counts all templates.
func (c Conn) CountTemplates(ctx context.Context) (int64, error) {
	return one(ctx, c, scalar[int64], `SELECT COUNT(*) FROM jwt_templates`)
}

// InsertTemplate writes a new template; ErrExists when its name is taken.
func (c Conn) InsertTemplate(ctx context.Context, t Template) error {
	_, err := c.exec(ctx, `INSERT INTO jwt_templates (`+templateColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, t.args()...)
	return err
}

// UpdateTemplate writes a changed template; ErrExists when its name is taken, ErrNotFound when it is gone.
func (c Conn) UpdateTemplate(ctx context.Context, t Template) error {
	return c.execOne(ctx, `UPDATE jwt_templates SET name = $2, claims = $3, lifetime_s = $4, skew_s = $5, algorithm = $6,
		signing_key = $7, created_at = $8, updated_at = $9 WHERE id = $1`, t.args()...)
}

// DeleteTemplate deletes a template, or ErrNotFound.
func (c Conn) DeleteTemplate(ctx context.Context, id string) error {
	return c.execOne(ctx, `DELETE FROM jwt_templates WHERE id = $1`, id)
}
