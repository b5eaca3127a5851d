package assets_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sojourn-auth/sojourn/internal/assets"
)

func manifest(name, version string) string {
	return `{"name":"` + name + `","version":"` + version + `"}`
}

// pack makes a tarball as npm does.
func pack(t testing.TB, files map[string]string, more ...*tar.Header) []byte {
	t.Helper()
	var packed bytes.Buffer
	zipper := gzip.NewWriter(&packed)
	w := tar.NewWriter(zipper)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		header := &tar.Header{Name: "package/" + name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(files[name]))}
		if err := errors.Join(w.WriteHeader(header), second(io.WriteString(w, files[name]))); err != nil {
			t.Fatal(err)
		}
	}
	for _, header := range more {
		if err := w.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), zipper.Close()); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

func second(_ int, err error) error { return err }

// written is the path of a new file.
func written(t testing.TB, name string, data []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// found are all files below a directory.
func found(t testing.TB, dir string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			rel, _ := filepath.Rel(dir, name)
			names = append(names, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return names
}

func TestAdd(t *testing.T) {
	files := map[string]string{
		"package.json": manifest("@clerk/ui", "1.36.0"), "LICENSE": "MIT", "README.md": "# UI",
		"dist/ui.browser.js": "// ui", "dist/ui.browser.js.map": "{}", "dist/index.d.ts": "x", "dist/chunks/a.js": "// a",
	}
	folder := t.TempDir()
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(folder, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, source := range map[string]string{"a tarball": written(t, "ui.tgz", pack(t, files)), "a folder": folder} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for range 2 { // the second time in the place of the first
				p, err := assets.Dir(dir).AddFile(source)
				if want := (assets.Package{Name: "@clerk/ui", Version: "1.36.0", Files: 3, Size: 12}); err != nil || p != want {
					t.Fatalf("%+v, %v; want %+v", p, err, want)
				}
			}
			want := []string{"npm/@clerk/ui@1.36.0/LICENSE", "npm/@clerk/ui@1.36.0/dist/chunks/a.js", "npm/@clerk/ui@1.36.0/dist/ui.browser.js"}
			if got := found(t, dir); !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
			if list, err := assets.Dir(dir).List(); err != nil || len(list) != 1 || list[0].Size != 12 {
				t.Errorf("%+v, %v", list, err)
			}
			if err := assets.Dir(dir).Remove("@clerk/ui", "1.36.1"); !errors.Is(err, assets.ErrNotFound) {
				t.Errorf("remove what is not there: %v", err)
			}
			if err := assets.Dir(dir).Remove("@clerk/ui", "1.36.0"); err != nil || len(found(t, dir)) != 0 {
				t.Errorf("remove: %v, and %q is left", err, found(t, dir))
			}
		})
	}
}

// TestRefused: what a tarball should not hold leaves nothing behind, here or elsewhere.
func TestRefused(t *testing.T) {
	good := map[string]string{"package.json": manifest("@clerk/ui", "1.36.0"), "dist/ui.browser.js": "// ui"}
	with := func(name, text string) map[string]string {
		files := maps.Clone(good)
		files[name] = text
		return files
	}
	entry := func(kind byte, name, link string) *tar.Header {
		return &tar.Header{Name: name, Typeflag: kind, Linkname: link, Mode: 0o644}
	}
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"no tarball":        {[]byte("hello"), "not a tarball"},
		"half a tarball":    {pack(t, good)[:60], "not a tarball"},
		"no package.json":   {pack(t, map[string]string{"dist/a.js": ""}), "package.json"},
		"a broken one":      {pack(t, with("package.json", "{")), "package.json"},
		"another package":   {pack(t, with("package.json", manifest("left-pad", "1.0.0"))), "left-pad"},
		"no version":        {pack(t, with("package.json", manifest("@clerk/ui", "../../1"))), "version"},
		"a version of none": {pack(t, with("package.json", manifest("@clerk/ui", ""))), "version"},
		"nothing in dist":   {pack(t, map[string]string{"package.json": manifest("@clerk/ui", "1.36.0")}), "dist"},
		"a way up":          {pack(t, with("../../evil.js", "x")), "no name"},
		"a way up in dist":  {pack(t, with("dist/../../../evil.js", "x")), "no name"},
		"an absolute path":  {pack(t, with("/evil.js", "x")), "no name"},
		"backslashes":       {pack(t, with(`dist\..\..\evil.js`, "x")), "no name"},
		"a way in circles":  {pack(t, with("dist/./evil.js", "x")), "no name"},
		"a symbolic link":   {pack(t, good, entry(tar.TypeSymlink, "package/dist/evil.js", "/etc/passwd")), "neither"},
		"a hard link":       {pack(t, good, entry(tar.TypeLink, "package/dist/evil.js", "/etc/passwd")), "neither"},
		"a device":          {pack(t, good, entry(tar.TypeChar, "package/dist/evil.js", "")), "neither"},
		"a file twice":      {pack(t, good, entry(tar.TypeReg, "package/dist/ui.browser.js", "")), "exists"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "a", "b")
			_, err := assets.Dir(dir).AddFile(written(t, "x.tgz", c.data))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want something of %q", err, c.want)
			}
			if left := found(t, filepath.Join(dir, "..", "..")); len(left) != 0 {
				t.Errorf("it left %q", left)
			}
		})
	}
	if _, err := assets.Dir(t.TempDir()).AddFile(filepath.Join(t.TempDir(), "nothing.tgz")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestRefusedFolder(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "package.json"), []byte(manifest("@clerk/ui", "1.36.0")), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(folder, "dist"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(folder, "dist", "passwd.js")); err != nil {
		t.Fatal(err)
	}
	if _, err := assets.Dir(t.TempDir()).AddFile(folder); err == nil || !strings.Contains(err.Error(), "neither") {
		t.Errorf("a link in a folder: %v", err)
	}
}

// registry is one that has some versions of a package; change may make it lie.
func registry(t testing.TB, change func(version string, dist map[string]string)) assets.Registry {
	t.Helper()
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	versions := map[string]any{}
	for _, version := range []string{"1.9.0", "1.36.0", "2.0.0-rc.1"} {
		tarball := pack(t, map[string]string{"package.json": manifest("@clerk/ui", version), "dist/ui.browser.js": version})
		mux.HandleFunc("GET /ui-"+version+".tgz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(tarball) })
		sum := sha512.Sum512(tarball)
		dist := map[string]string{"tarball": server.URL + "/ui-" + version + ".tgz", "integrity": "sha512-" + base64.StdEncoding.EncodeToString(sum[:])}
		if change != nil {
			change(version, dist)
		}
		versions[version] = map[string]any{"dist": dist}
	}
	mux.HandleFunc("GET /{name}", func(w http.ResponseWriter, r *http.Request) {
		if r.PathValue("name") != "@clerk/ui" {
			http.NotFound(w, r)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"dist-tags": map[string]string{"latest": "1.36.0", "next": "2.0.0-rc.1"}, "versions": versions})
	})
	return assets.Registry{URL: server.URL, Client: server.Client()}
}

func TestRegistry(t *testing.T) {
	g := registry(t, nil)
	for tag, want := range map[string]string{
		"": "1.36.0", "1": "1.36.0", "1.9": "1.9.0", "1.9.0": "1.9.0", "latest": "1.36.0", "next": "2.0.0-rc.1", "2.0.0-rc.1": "2.0.0-rc.1",
		"2": "", "1.3": "", "9.9.9": "", "../1": "",
	} {
		p, err := assets.Dir(t.TempDir()).AddFrom(t.Context(), g, "@clerk/ui", tag)
		if p.Version != want || (err == nil) != (want != "") {
			t.Errorf("%q is %q, %v; want %q", tag, p.Version, err, want)
		}
	}
	if _, err := assets.Dir(t.TempDir()).AddFrom(t.Context(), g, "@clerk/clerk-js", ""); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("a package that is not there: %v", err)
	}
}

// TestRegistryLies: what is not what the registry says it is leaves nothing.
func TestRegistryLies(t *testing.T) {
	for name, c := range map[string]struct {
		change func(version string, dist map[string]string)
		want   string
	}{
		"another tarball": {func(_ string, d map[string]string) {
			d["tarball"] = strings.Replace(d["tarball"], "1.36.0", "1.9.0", 1)
		}, "SHA-512"},
		"no integrity":        {func(_ string, d map[string]string) { delete(d, "integrity") }, "SHA-512"},
		"a weaker one":        {func(_ string, d map[string]string) { d["integrity"] = "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=" }, "SHA-512"},
		"another version":     {liar(), "sent @clerk/ui@1.9.0"},
		"no tarball":          {func(_ string, d map[string]string) { d["tarball"] = "" }, "where"},
		"a file of ours":      {func(_ string, d map[string]string) { d["tarball"] = "file:///etc/passwd" }, "where"},
		"a tarball not there": {func(_ string, d map[string]string) { d["tarball"] += "x" }, "404"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			_, err := assets.Dir(dir).AddFrom(t.Context(), registry(t, c.change), "@clerk/ui", "1.36.0")
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want something of %q", err, c.want)
			}
			if left := found(t, dir); len(left) != 0 {
				t.Errorf("it left %q", left)
			}
		})
	}
	for _, address := range []string{"", "registry.npmjs.org", "file:///tmp", "https://"} {
		if _, err := assets.Dir(t.TempDir()).AddFrom(t.Context(), assets.Registry{URL: address, Client: http.DefaultClient}, "@clerk/ui", ""); err == nil {
			t.Errorf("%q passes for a registry", address)
		}
	}
}

// liar gives 1.36.0 the tarball of 1.9.0, which is intact.
func liar() func(string, map[string]string) {
	var older map[string]string
	return func(version string, dist map[string]string) {
		if version == "1.9.0" {
			older = maps.Clone(dist)
		}
		if version == "1.36.0" {
			maps.Copy(dist, older)
		}
	}
}

func TestParse(t *testing.T) {
	for spec, want := range map[string][2]string{
		"@clerk/ui": {"@clerk/ui", ""}, "@clerk/clerk-js@6": {"@clerk/clerk-js", "6"}, "@clerk/ui@1.36.0": {"@clerk/ui", "1.36.0"},
		"@clerk/ui@": {}, "@clerk/shared": {}, "ui": {}, "./ui.tgz": {}, "": {}, "@": {}, "@clerk/ui/x": {},
	} {
		name, tag, ok := assets.Parse(spec)
		if ok != (want[0] != "") || ok && (name != want[0] || tag != want[1]) {
			t.Errorf("%q: %q, %q, %v", spec, name, tag, ok)
		}
	}
}
