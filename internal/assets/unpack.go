package assets

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// Bounds on what a package may cost. The largest one has a tenth of it.
const (
	maxFiles   = 20_000
	maxSize    = 256 << 20
	maxTarball = 64 << 20
)

// AddFile adds a package from a tarball or from an unpacked folder, in the place of the same version that is there.
func (d Dir) AddFile(name string) (Package, error) {
	info, err := os.Stat(name)
	if err != nil {
		return Package{}, err
	}
	if info.IsDir() {
		return d.add(func(u *unpacker) error { return u.folder(name) })
	}
	f, err := os.Open(name) //nolint:gosec // the operator named it
	if err != nil {
		return Package{}, err
	}
	defer f.Close()
	return d.add(func(u *unpacker) error { return u.tarball(f) })
}

// add unpacks a package beside the others, and puts it in its place when it is whole.
func (d Dir) add(fill func(*unpacker) error) (Package, error) {
	if err := os.MkdirAll(d.npm(), 0o755); err != nil { //nolint:gosec // everybody may read what everybody gets
		return Package{}, err
	}
	staging, err := os.MkdirTemp(d.npm(), ".adding-")
	if err != nil {
		return Package{}, err
	}
	defer os.RemoveAll(staging)
	if err := os.Chmod(staging, 0o755); err != nil { //nolint:gosec // as above
		return Package{}, err
	}
	root, err := os.OpenRoot(staging)
	if err != nil {
		return Package{}, err
	}
	defer root.Close()
	u := &unpacker{root: root}
	if err := fill(u); err != nil {
		return Package{}, err
	}
	p, err := u.done()
	if err != nil {
		return Package{}, err
	}
	place := filepath.Join(d.npm(), filepath.FromSlash(folder(p.Name, p.Version)))
	if err := os.MkdirAll(filepath.Dir(place), 0o755); err != nil { //nolint:gosec // as above
		return Package{}, err
	}
	if err := os.RemoveAll(place); err != nil {
		return Package{}, err
	}
	return p, os.Rename(staging, place)
}

// unpacker writes a package into a folder, out of which no name leads.
type unpacker struct {
	root     *os.Root
	pkg      Package
	seen     int // files, kept or not
	manifest []byte
	scripts  bool
}

// tarball unpacks what npm packs: everything is in one folder, whatever that is called.
func (u *unpacker) tarball(r io.Reader) error {
	unzipped, err := gzip.NewReader(io.LimitReader(r, maxTarball))
	if err != nil {
		return fmt.Errorf("not a tarball of npm: %w", err)
	}
	files := tar.NewReader(io.LimitReader(unzipped, 2*maxSize)) // what is passed over costs too
	for {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("not a tarball of npm: %w", err)
		}
		_, name, _ := strings.Cut(header.Name, "/")
		switch header.Typeflag {
		case tar.TypeReg:
			if err := u.put(name, files); err != nil {
				return err
			}
		case tar.TypeDir, tar.TypeXGlobalHeader:
		default:
			return fmt.Errorf("%q is neither a file nor a folder", header.Name)
		}
	}
}

// folder copies a package that somebody else has unpacked.
func (u *unpacker) folder(dir string) error {
	from, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer from.Close()
	for _, part := range []string{"package.json", "LICENSE", "dist"} {
		err := fs.WalkDir(from.FS(), part, func(name string, entry fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist) && name == part:
				return nil
			case err != nil || entry.IsDir():
				return err
			case !entry.Type().IsRegular():
				return fmt.Errorf("%q is neither a file nor a folder", name)
			}
			f, err := from.Open(name)
			if err != nil {
				return err
			}
			defer f.Close()
			return u.put(name, f)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// put keeps a file, if it is one that pages load, or one that says what the package is and who may use it.
func (u *unpacker) put(name string, r io.Reader) error {
	if u.seen++; u.seen > maxFiles {
		return fmt.Errorf("more than %d files", maxFiles)
	}
	if !filepath.IsLocal(name) || strings.Contains(name, `\`) || path.Clean(name) != name {
		return fmt.Errorf("%q is no name of a file", name)
	}
	if name == "package.json" {
		var err error
		u.manifest, err = io.ReadAll(io.LimitReader(r, 1<<20))
		return err
	}
	if name != "LICENSE" && (!strings.HasPrefix(name, "dist/") || Types[path.Ext(name)] == "") {
		return nil
	}
	if err := u.root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := u.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	n, err := io.Copy(f, io.LimitReader(r, maxSize-u.pkg.Size+1))
	u.pkg.Files, u.pkg.Size = u.pkg.Files+1, u.pkg.Size+n
	u.scripts = u.scripts || strings.HasPrefix(name, "dist/")
	if err == nil && u.pkg.Size > maxSize {
		err = fmt.Errorf("more than %d bytes", maxSize)
	}
	return errors.Join(err, f.Close())
}

// done is what the package says it is.
func (u *unpacker) done() (Package, error) {
	var manifest struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	}
	if err := json.Unmarshal(u.manifest, &manifest); err != nil {
		return Package{}, errors.New("not a package of npm: it has no package.json that can be read")
	}
	u.pkg.Name, u.pkg.Version = manifest.Name, manifest.Version
	switch {
	case tested[u.pkg.Name] == "":
		return Package{}, fmt.Errorf("%q is no package that pages ask for: want %s or %s", u.pkg.Name, ClerkJS, ClerkUI)
	case !isVersion(u.pkg.Version):
		return Package{}, fmt.Errorf("%s has the version %q, which is none", u.pkg.Name, u.pkg.Version)
	case !u.scripts:
		return Package{}, fmt.Errorf("%s@%s has no files in dist", u.pkg.Name, u.pkg.Version)
	}
	return u.pkg, nil
}
