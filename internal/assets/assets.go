// Package assets keeps the browser libraries that the server hands out beside its API, in a directory of the operator's.
// It is laid out as browsers ask for it: npm/@clerk/clerk-js@6.40.0/dist/clerk.browser.js.
package assets

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The packages that pages ask a Frontend API for.
const (
	ClerkJS = "@clerk/clerk-js"
	ClerkUI = "@clerk/ui"
)

// tested are the packages, and the tags of them that the server is tested with.
var tested = map[string]string{ClerkJS: "6", ClerkUI: "1"}

// Types are the media types of the files that are kept: those that pages load. The rest of a package is for programs
// that are built.
var Types = map[string]string{
	".js": "text/javascript; charset=utf-8", ".mjs": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
	".json": "application/json", ".svg": "image/svg+xml", ".woff2": "font/woff2",
}

// Dir is a directory of packages. It need not exist.
type Dir string

// Package is one version of a package.
type Package struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Files   int    `json:"files"`
	Size    int64  `json:"size"` // bytes
}

// ErrNotFound says that a package, or a file of it, is not there.
var ErrNotFound = errors.New("not found")

func (d Dir) npm() string { return filepath.Join(string(d), "npm") }

// List lists what is there, by name and version.
func (d Dir) List() ([]Package, error) {
	list := []Package{}
	for _, name := range slices.Sorted(slices.Values([]string{ClerkJS, ClerkUI})) {
		versions, err := d.versions(name)
		if err != nil {
			return nil, err
		}
		for _, version := range versions {
			p := Package{Name: name, Version: version}
			if err := p.measure(filepath.Join(d.npm(), filepath.FromSlash(folder(name, version)))); err != nil {
				return nil, err
			}
			list = append(list, p)
		}
	}
	return list, nil
}

func (p *Package) measure(dir string) error {
	return filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			p.Files, p.Size = p.Files+1, p.Size+info.Size()
		}
		return err
	})
}

// folder is where a version is, below the directory of packages.
func folder(name, version string) string { return name + "@" + version }

// versions are the versions of a package that are there, oldest first.
func (d Dir) versions(name string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(d.npm(), filepath.FromSlash(path.Dir(name))))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var versions []string
	for _, entry := range entries {
		version, found := strings.CutPrefix(entry.Name(), path.Base(name)+"@")
		if found && entry.IsDir() && isVersion(version) {
			versions = append(versions, version)
		}
	}
	slices.SortFunc(versions, compare)
	return versions, nil
}

// Version is the version that a tag stands for: itself, or the newest release that begins with it (6, 6.40). It is ""
// when there is none.
func (d Dir) Version(name, tag string) (string, error) {
	if tested[name] == "" {
		return "", nil
	}
	versions, err := d.versions(name)
	return newest(versions, tag), err
}

// Open opens a file that pages load. No name leads out of the version's folder.
func (d Dir) Open(name, version, file string) (*os.File, error) {
	dist := filepath.Join(d.npm(), filepath.FromSlash(folder(name, version)), "dist")
	f, err := os.OpenInRoot(dist, filepath.FromSlash(file))
	if err != nil {
		return nil, ErrNotFound // whatever is wrong with the name
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(ErrNotFound, f.Close())
	}
	return f, nil
}

// Remove deletes a version.
func (d Dir) Remove(name, version string) error {
	versions, err := d.versions(name)
	if err != nil {
		return err
	}
	if tested[name] == "" || !slices.Contains(versions, version) {
		return fmt.Errorf("%s: %w in %s", folder(name, version), ErrNotFound, d)
	}
	return os.RemoveAll(filepath.Join(d.npm(), filepath.FromSlash(folder(name, version))))
}

// Parse reads the name of a package with or without a tag behind it, such as @clerk/clerk-js@6. ok is false when it is
// none that pages ask for.
func Parse(spec string) (name, tag string, ok bool) {
	name, tag = spec, ""
	if at := strings.LastIndexByte(spec, '@'); at > 0 {
		name, tag = spec[:at], spec[at+1:]
		ok = tag != ""
	} else {
		ok = true
	}
	return name, tag, ok && tested[name] != ""
}

var (
	versionPattern = regexp.MustCompile(`^(\d{1,9})\.(\d{1,9})\.(\d{1,9})(-[0-9A-Za-z.-]{1,100})?$`)
	prefixPattern  = regexp.MustCompile(`^\d{1,9}(\.\d{1,9})?$`)
)

func isVersion(s string) bool { return versionPattern.MatchString(s) }

// newest is the version that a tag stands for among some; "" when there is none. What comes before a release is meant
// only by its full name.
func newest(versions []string, tag string) string {
	if slices.Contains(versions, tag) {
		return tag
	}
	if !prefixPattern.MatchString(tag) {
		return ""
	}
	best := ""
	for _, v := range versions {
		if isVersion(v) && !strings.Contains(v, "-") && strings.HasPrefix(v, tag+".") && (best == "" || compare(v, best) > 0) {
			best = v
		}
	}
	return best
}

// compare puts versions in order. A version that comes before a release is older than it; among such, text decides.
func compare(a, b string) int {
	ma, mb := versionPattern.FindStringSubmatch(a), versionPattern.FindStringSubmatch(b)
	if ma == nil || mb == nil {
		return cmp.Compare(a, b)
	}
	for i := 1; i <= 3; i++ {
		na, _ := strconv.Atoi(ma[i]) // nine digits at most
		nb, _ := strconv.Atoi(mb[i])
		if na != nb {
			return cmp.Compare(na, nb)
		}
	}
	if (ma[4] == "") != (mb[4] == "") {
		return cmp.Compare(len(mb[4]), len(ma[4]))
	}
	return cmp.Compare(ma[4], mb[4])
}
