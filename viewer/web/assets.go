package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed page
var page embed.FS

// assets are the page's files by URL path.
type assets map[string]asset

type asset struct {
	kind, tag string
	data      []byte
}

// kindOf is a file's type. It is said here because the machine's own table may be missing or wrong, and a
// module with the wrong type does not run.
func kindOf(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".js", ".mjs":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".png":
		return "image/png"
	case ".ico":
		return "image/x-icon"
	case ".json", ".webmanifest":
		return "application/json"
	case ".woff2":
		return "font/woff2"
	}
	return "application/octet-stream"
}

func loadAssets(files fs.FS) (assets, error) {
	all := make(assets)
	err := fs.WalkDir(files, "page", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(data)
		url := strings.TrimPrefix(name, "page")
		a := asset{kindOf(name), `"` + hex.EncodeToString(sum[:12]) + `"`, data}
		all[url] = a
		if dir, ok := strings.CutSuffix(url, "index.html"); ok {
			all[dir] = a
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the page's files: %w", err)
	}
	return all, nil
}

// ServeHTTP serves exactly the embedded files; there are no listings.
func (all assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a, ok := all[r.URL.Path]
	if !ok {
		http.Error(w, "no such page", http.StatusNotFound)
		return
	}
	h := w.Header()
	h.Set("Content-Type", a.kind)
	h.Set("ETag", a.tag)
	h.Set("Cache-Control", "no-cache") // ask each time: 304 unless the program has changed
	http.ServeContent(w, r, r.URL.Path, time.Time{}, bytes.NewReader(a.data))
}
