// SPDX-License-Identifier: Apache-2.0

package k0s

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// errUnreachable means that the place of the official releases does not answer: the machine has no internet.
var errUnreachable = errors.New("official release cannot be reached")

// reachTimeout is how long the place of the releases may take to answer at all.
const reachTimeout = 5 * time.Second

// artifact is one published binary.
type artifact struct{ base, name string }

func release(arch string) artifact {
	return artifact{
		base: "https://github.com/k0sproject/k0s/releases/download/" + url.QueryEscape(Version),
		name: "k0s-" + Version + "-" + arch,
	}
}

// official downloads a published binary into dir unless it is there, and holds it against its published checksum.
func official(ctx context.Context, a artifact, dir string) (Binary, error) {
	binary := Binary{Path: filepath.Join(dir, a.name), Version: Version, Origin: "the official release " + Version}
	if _, err := os.Stat(binary.Path); err == nil {
		return binary, nil
	}
	want, err := publishedSum(ctx, a)
	if err != nil {
		return Binary{}, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Binary{}, fmt.Errorf("creating a place for k0s: %w", err)
	}
	return binary, fetch(ctx, a.base+"/"+url.PathEscape(a.name), binary.Path, want)
}

func publishedSum(ctx context.Context, a artifact) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	body, err := get(ctx, a.base+"/sha256sums.txt")
	if err != nil {
		return "", fmt.Errorf("%w: %w", errUnreachable, err)
	}
	defer body.Close()
	return sumOf(body, a.name)
}

// sumOf finds a file in a list of lines `<sha256> *<file>`.
func sumOf(list io.Reader, name string) (string, error) {
	lines := bufio.NewScanner(list)
	for lines.Scan() {
		sum, file, ok := strings.Cut(lines.Text(), " ")
		if ok && strings.TrimLeft(file, " *") == name {
			return sum, nil
		}
	}
	if err := lines.Err(); err != nil {
		return "", fmt.Errorf("reading published checksums: %w", err)
	}
	return "", fmt.Errorf("reading published checksums: none for %s", name)
}

// fetch downloads beside the target and moves it into place only when the checksum is right.
func fetch(ctx context.Context, from, to, want string) error {
	body, err := get(ctx, from)
	if err != nil {
		return fmt.Errorf("downloading k0s: %w", err)
	}
	defer body.Close()
	part, err := os.CreateTemp(filepath.Dir(to), filepath.Base(to)+".part-*")
	if err != nil {
		return fmt.Errorf("downloading k0s: %w", err)
	}
	defer os.Remove(part.Name())
	hash := sha256.New()
	_, err = io.Copy(io.MultiWriter(part, hash), body)
	if err := errors.Join(err, part.Chmod(0o755), part.Close()); err != nil {
		return fmt.Errorf("downloading k0s: %w", err)
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != want {
		return fmt.Errorf("downloading k0s: %s has sha256 %s, published is %s", from, got, want)
	}
	return os.Rename(part.Name(), to)
}

func get(ctx context.Context, from string) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return nil, err
	}
	response, err := (&http.Client{}).Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		_ = response.Body.Close()
		return nil, fmt.Errorf("getting %s: %s", from, response.Status)
	}
	return response.Body, nil
}
