package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/goccy/go-yaml"
)

// FileEnv names the environment variable that holds the path of the config file.
const FileEnv = "SOJOURN_CONFIG"

// file is a config file in YAML (JSON is YAML too): the names of the flags, and their values.
type file struct{ values map[string]any }

// Load reads a config file for kong. kong asks resolvers after the environment, so file stays silent about flags
// that the environment has set: flags come before the environment, and the environment before the file.
func Load(r io.Reader) (kong.Resolver, error) {
	f := &file{values: map[string]any{}}
	if err := yaml.NewDecoder(r).Decode(&f.values); err != nil && !errors.Is(err, io.EOF) {
		return nil, errors.New("the config file is not valid YAML") // the parser's own words would show its lines, secrets too
	}
	return f, nil
}

// Validate refuses names that no flag has, so that a typing error is not a setting that silently stays as it was.
func (f *file) Validate(app *kong.Application) error {
	known := map[string]bool{}
	for _, flag := range app.AllFlags(false) {
		for _, one := range flag {
			known[one.Name] = true
		}
	}
	for name := range f.values {
		if !known[flagName(name)] {
			return fmt.Errorf("the config file sets %q, which is no setting", name)
		}
	}
	return nil
}

// Resolve answers the file's value for a flag, or nil.
func (f *file) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, env := range flag.Envs {
		if _, set := os.LookupEnv(env); set {
			return nil, nil
		}
	}
	for name, value := range f.values {
		if value != nil && flagName(name) == flag.Name { // a name without a value sets nothing
			return flagText(value), nil
		}
	}
	return nil, nil
}

// flagText is a value as a flag takes it: a list with commas.
func flagText(value any) string {
	list, ok := value.([]any)
	if !ok {
		return fmt.Sprint(value)
	}
	items := make([]string, len(list))
	for i, item := range list {
		items[i] = fmt.Sprint(item)
	}
	return strings.Join(items, ",")
}

// flagName lets files write data_dir for data-dir.
func flagName(name string) string { return strings.ReplaceAll(name, "_", "-") }
