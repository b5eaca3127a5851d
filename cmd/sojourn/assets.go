package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"text/tabwriter"
	"time"

	"github.com/sojourn-auth/sojourn/internal/assets"
	"github.com/sojourn-auth/sojourn/internal/config"
)

type assetsCommand struct {
	Add    assetsAdd    `cmd:"" help:"Put browser libraries in place, from the npm registry or from files."`
	List   assetsList   `cmd:"" help:"List the browser libraries that are there."`
	Remove assetsRemove `cmd:"" help:"Delete versions of browser libraries."`
}

// downloadTimeout bounds one download.
const downloadTimeout = 5 * time.Minute

type assetsAdd struct {
	Packages []string `arg:"" name:"package" help:"A name, with or without a version (@clerk/clerk-js, @clerk/ui@1), a tarball (.tgz), or an unpacked folder."`
	Registry string   `default:"https://registry.npmjs.org" help:"URL of the npm registry."`
}

func (k assetsAdd) Run(ctx context.Context, c *config.Config, w io.Writer) error {
	dir := assets.Dir(c.AssetsPath())
	registry := assets.Registry{URL: k.Registry, Client: &http.Client{Timeout: downloadTimeout}}
	for _, spec := range k.Packages {
		var p assets.Package
		var err error
		if name, tag, ok := assets.Parse(spec); ok {
			p, err = dir.AddFrom(ctx, registry, name, tag)
		} else {
			p, err = dir.AddFile(spec)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", spec, err)
		}
		if _, err := fmt.Fprintf(w, "added %s@%s: %d files, %d bytes\n", p.Name, p.Version, p.Files, p.Size); err != nil {
			return err
		}
	}
	return nil
}

type assetsList struct {
	JSON bool `help:"Print JSON."`
}

func (k assetsList) Run(c *config.Config, w io.Writer) error {
	list, err := assets.Dir(c.AssetsPath()).List()
	if err != nil {
		return err
	}
	if k.JSON {
		return json.NewEncoder(w).Encode(list)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "PACKAGE\tVERSION\tFILES\tBYTES")
	for _, p := range list {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%d\t%d\n", p.Name, p.Version, p.Files, p.Size)
	}
	return table.Flush()
}

type assetsRemove struct {
	Packages []string `arg:"" name:"package" help:"Names with versions, such as @clerk/ui@1.36.0."`
}

func (k assetsRemove) Run(c *config.Config) error {
	dir := assets.Dir(c.AssetsPath())
	for _, spec := range k.Packages {
		name, version, ok := assets.Parse(spec)
		if !ok || version == "" {
			return fmt.Errorf("%s: want a name and a version, such as @clerk/ui@1.36.0", spec)
		}
		if err := dir.Remove(name, version); err != nil {
			return err
		}
	}
	return nil
}
