package storetest

import (
	"os"
	"path/filepath"
	"testing"
)

// Template is a prepared database of which tests get copies.
type Template struct {
	sqlite   []byte            // the file's content
	postgres *postgresTemplate // on PostgreSQL
}

// MakeTemplate prepares a database, on the engine that TEST_ENGINE names: a copy of from, or an empty one when it is nil,
// after fill. fill closes what it opens. Packages that make templates, or use databases of PostgreSQL, have a TestMain
// that calls Main.
func MakeTemplate(from *Template, fill func(databaseURL string) error) (*Template, error) {
	if Engine() == EnginePostgres {
		return makePostgresTemplate(from, fill)
	}
	return makeSQLiteTemplate(from, fill)
}

func makeSQLiteTemplate(from *Template, fill func(databaseURL string) error) (*Template, error) {
	dir, err := os.MkdirTemp("", "storetest")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "template.db")
	if from != nil {
		if err := os.WriteFile(path, from.sqlite, 0o600); err != nil {
			return nil, err
		}
	}
	if err := fill("sqlite:" + path); err != nil {
		return nil, err
	}
	content, err := os.ReadFile(path) //nolint:gosec // made above
	return &Template{sqlite: content}, err
}

// Copy is a copy of the template until the test ends.
func (p *Template) Copy(t testing.TB) (databaseURL string) {
	t.Helper()
	if p.postgres != nil {
		return p.postgres.copy(t)
	}
	path := filepath.Join(t.TempDir(), "copy.db")
	if err := os.WriteFile(path, p.sqlite, 0o600); err != nil {
		t.Fatal(err)
	}
	return "sqlite:" + path
}
