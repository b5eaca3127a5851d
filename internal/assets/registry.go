package assets

import (
	"bytes"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Registry is a registry of npm packages.
type Registry struct {
	URL    string
	Client *http.Client
}

// listing is what a registry says of a package, in short.
type listing struct {
	Tags     map[string]string  `json:"dist-tags"`
	Versions map[string]release `json:"versions"`
}

type release struct {
	Dist struct {
		Tarball   string `json:"tarball"`
		Integrity string `json:"integrity"`
	} `json:"dist"`
}

// AddFrom adds a package from a registry: the version that a tag stands for there, or the newest that the server is
// tested with.
func (d Dir) AddFrom(ctx context.Context, g Registry, name, tag string) (Package, error) {
	if tag == "" {
		tag = tested[name]
	}
	version, tarball, err := g.fetch(ctx, name, tag)
	if err != nil {
		return Package{}, err
	}
	return d.add(func(u *unpacker) error {
		if err := u.tarball(bytes.NewReader(tarball)); err != nil {
			return err
		}
		if p, err := u.done(); err != nil || p.Name != name || p.Version != version {
			return errors.Join(err, fmt.Errorf("the registry sent %s for %s", folder(p.Name, p.Version), folder(name, version)))
		}
		return nil
	})
}

// fetch downloads a version, and checks that it is the one that the registry speaks of.
func (g Registry) fetch(ctx context.Context, name, tag string) (version string, tarball []byte, err error) {
	base, err := url.Parse(g.URL)
	if err != nil || base.Scheme != "https" && base.Scheme != "http" || base.Host == "" {
		return "", nil, fmt.Errorf("%q is no URL of a registry: want one such as https://registry.npmjs.org", g.URL)
	}
	raw, err := g.get(ctx, strings.TrimSuffix(g.URL, "/")+"/"+url.PathEscape(name))
	if err != nil {
		return "", nil, err
	}
	var known listing
	if err := json.Unmarshal(raw, &known); err != nil {
		return "", nil, fmt.Errorf("the registry speaks of %s in no way that can be read: %w", name, err)
	}
	if version = known.Tags[tag]; version == "" {
		version = newest(slices.Collect(maps.Keys(known.Versions)), tag)
	}
	found, ok := known.Versions[version]
	if !ok || !isVersion(version) {
		return "", nil, fmt.Errorf("the registry has no %s", folder(name, tag))
	}
	at, err := base.Parse(found.Dist.Tarball)
	if err != nil || found.Dist.Tarball == "" || at.Scheme != base.Scheme {
		return "", nil, fmt.Errorf("the registry does not say where %s is", folder(name, version))
	}
	if tarball, err = g.get(ctx, at.String()); err != nil {
		return "", nil, err
	}
	if !intact(tarball, found.Dist.Integrity) {
		return "", nil, fmt.Errorf("%s is not what the registry says it is: its SHA-512 is another one", folder(name, version))
	}
	return version, tarball, nil
}

func (g Registry) get(ctx context.Context, address string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/vnd.npm.install-v1+json, */*;q=0.5")
	res, err := g.Client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", address, res.Status)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxTarball+1))
	if err == nil && len(body) > maxTarball {
		err = fmt.Errorf("%s answers more than %d bytes", address, maxTarball)
	}
	return body, err
}

// intact reports whether data has the SHA-512 that an integrity (as browsers read it too) names.
func intact(data []byte, integrity string) bool {
	sum := sha512.Sum512(data)
	return slices.Contains(strings.Fields(integrity), "sha512-"+base64.StdEncoding.EncodeToString(sum[:]))
}
