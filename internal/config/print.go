package config

import (
	"fmt"
	"io"
	"reflect"
	"strings"
)

// Print writes the effective settings as a config file, with secrets redacted.
func (c *Config) Print(w io.Writer) error {
	v := reflect.ValueOf(*c)
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if _, err := fmt.Fprintf(w, "%s: %v # %s\n", f.Tag.Get("name"), shown(v.Field(i)), f.Tag.Get("env")); err != nil {
			return err
		}
	}
	return nil
}

// shown quotes text, and leaves unset secrets visibly unset.
func shown(v reflect.Value) any {
	if v.IsZero() && v.Kind() == reflect.String {
		return `""`
	}
	if v.Type().Name() == "string" {
		return fmt.Sprintf("%q", v.String())
	}
	if v.Kind() == reflect.Slice {
		items := make([]string, v.Len())
		for i := range items {
			items[i] = fmt.Sprintf("%q", fmt.Sprint(v.Index(i)))
		}
		return "[" + strings.Join(items, ", ") + "]"
	}
	return v.Interface()
}

// Setting describes one setting, for the reference page.
type Setting struct{ Flag, Env, Default, Help string }

// Settings lists every setting in the order of the struct.
func Settings() []Setting {
	t := reflect.TypeFor[Config]()
	list := make([]Setting, t.NumField())
	for i := range list {
		tag := t.Field(i).Tag
		list[i] = Setting{Flag: tag.Get("name"), Env: tag.Get("env"), Default: tag.Get("default"), Help: tag.Get("help")}
	}
	return list
}
