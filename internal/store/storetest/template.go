package storetest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Template is a prepared database, on the engine that TEST_ENGINE names, of which tests get copies.
type Template struct {
	sqlite   []byte // the file's content
	postgres string // the URL of a database that nobody connects to
}

// templates are the databases that DropTemplates drops.
var (
	templates   []string
	templatesMu sync.Mutex
)

// MakeTemplate prepares a database: a copy of from, or an empty one when it is nil, after fill. fill closes what it
// opens. Packages that make templates call DropTemplates when their tests are over.
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

func makePostgresTemplate(from *Template, fill func(databaseURL string) error) (*Template, error) {
	databaseURL, err := createPostgres(from)
	if err != nil {
		return nil, err
	}
	templatesMu.Lock()
	templates = append(templates, databaseURL)
	templatesMu.Unlock()
	return &Template{postgres: databaseURL}, fill(databaseURL)
}

// Copy is a copy of the template until the test ends.
func (p *Template) Copy(t testing.TB) (databaseURL string) {
	t.Helper()
	if p.postgres == "" {
		path := filepath.Join(t.TempDir(), "copy.db")
		if err := os.WriteFile(path, p.sqlite, 0o600); err != nil {
			t.Fatal(err)
		}
		return "sqlite:" + path
	}
	databaseURL, err := createPostgres(p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := dropPostgres(databaseURL); err != nil {
			t.Error(err)
		}
	})
	return databaseURL
}

// DropTemplates drops the templates that were made on a PostgreSQL server.
func DropTemplates() error {
	templatesMu.Lock()
	defer templatesMu.Unlock()
	var err error
	for _, databaseURL := range templates {
		err = errors.Join(err, dropPostgres(databaseURL))
	}
	templates = nil
	return err
}

var errNoServer = errors.New("TEST_POSTGRES names no PostgreSQL server: run scripts/with-postgres go test …")

// createPostgres makes a database: a copy of a template, or an empty one.
func createPostgres(from *Template) (databaseURL string, err error) {
	server := os.Getenv("TEST_POSTGRES") //nolint:forbidigo // a test's setting, not the server's
	if server == "" {
		return "", errNoServer
	}
	name := newName()
	statement := "CREATE DATABASE " + name
	if from != nil {
		original, err := nameOf(from.postgres)
		if err != nil {
			return "", err
		}
		statement += " TEMPLATE " + original
	}
	if err := admin(context.Background(), server, statement); err != nil {
		return "", err
	}
	return withName(server, name)
}

func dropPostgres(databaseURL string) error {
	name, err := nameOf(databaseURL)
	if err != nil {
		return err
	}
	server := os.Getenv("TEST_POSTGRES") //nolint:forbidigo // a test's setting, not the server's
	return admin(context.Background(), server, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
}

func nameOf(databaseURL string) (string, error) {
	u, err := parse(databaseURL)
	if err != nil {
		return "", err
	}
	return strings.TrimPrefix(u.Path, "/"), nil
}
