// SPDX-License-Identifier: Apache-2.0

// Package images builds the images of the management cluster and imports them into its containerd.
// Archives are kept in the cache, keyed by what they were built from.
package images

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/k0smotron/k0smotron/e2e/image"
	"github.com/k0smotron/k0smotron/e2e/lab/command"
	"github.com/k0smotron/k0smotron/e2e/lab/layout"
)

// Program is the image of one static binary at /<its name>.
func Program(name, binary, user string) image.Image {
	path := "/" + filepath.Base(binary)
	return image.Image{
		Name: name, User: user, Entrypoint: []string{path},
		Files: []image.File{{Path: path, Source: binary, Mode: 0o755}},
		Dirs:  []image.Dir{{Path: "/tmp", Mode: 0o1777 | os.ModeSticky}},
	}
}

// Ensure builds an image unless the cache has it and imports it unless it has been.
func Ensure(ctx context.Context, p layout.Paths, img image.Image) error {
	archive, err := Build(p, img)
	if err != nil {
		return err
	}
	return Import(ctx, p, archive)
}

// Build returns the archive of an image, from the cache if it has been built before.
func Build(p layout.Paths, img image.Image) (string, error) {
	key, err := Key(img)
	if err != nil {
		return "", err
	}
	base := archiveBase(img.Name)
	archive := filepath.Join(p.Images(), base+"-"+key+".tar")
	if _, err := os.Stat(archive); err == nil {
		return archive, nil
	}
	if err := dropOlder(p, base); err != nil {
		return "", err
	}
	return archive, image.Write(archive, img)
}

// dropOlder removes the archives of earlier builds of the same image.
func dropOlder(p layout.Paths, base string) error {
	if err := os.MkdirAll(p.Images(), 0o755); err != nil {
		return fmt.Errorf("creating image cache: %w", err)
	}
	old, err := filepath.Glob(filepath.Join(p.Images(), base+"-*.tar"))
	if err != nil {
		return fmt.Errorf("listing image cache: %w", err)
	}
	for _, file := range old {
		if err := os.Remove(file); err != nil {
			return fmt.Errorf("dropping old image: %w", err)
		}
	}
	return nil
}

// Import makes an archive known to the lab's containerd. An archive whose size and time have not changed since it was
// last imported is left alone.
func Import(ctx context.Context, p layout.Paths, archive string) error {
	info, err := os.Stat(archive)
	if err != nil {
		return fmt.Errorf("importing image: %w", err)
	}
	stamp := filepath.Join(p.State, "imported", archiveBase(archive))
	state := fmt.Sprintf("%d %d", info.Size(), info.ModTime().UnixNano())
	if content, err := os.ReadFile(stamp); err == nil && string(content) == state {
		return nil
	}
	err = command.Run(ctx, "ctr", "--address", p.ContainerdSocket(), "--namespace", "k8s.io", "images", "import", archive)
	if err != nil {
		return fmt.Errorf("importing image: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(stamp), 0o755); err != nil {
		return fmt.Errorf("recording import: %w", err)
	}
	if err := os.WriteFile(stamp, []byte(state), 0o644); err != nil {
		return fmt.Errorf("recording import: %w", err)
	}
	return nil
}

// Key changes when the image would: with its description or the content of a source, which is a file.
func Key(img image.Image) (string, error) {
	h := sha256.New()
	if err := json.NewEncoder(h).Encode(img); err != nil {
		return "", fmt.Errorf("describing image %s: %w", img.Name, err)
	}
	for _, file := range img.Files {
		if file.Source == "" {
			continue
		}
		source, err := os.Open(file.Source)
		if err != nil {
			return "", fmt.Errorf("reading source of image %s: %w", img.Name, err)
		}
		_, err = io.Copy(h, source)
		_ = source.Close()
		if err != nil {
			return "", fmt.Errorf("reading source of image %s: %w", img.Name, err)
		}
	}
	return hex.EncodeToString(h.Sum(nil))[:12], nil
}

// archiveBase turns an image name or a path into one file name.
func archiveBase(name string) string {
	return strings.NewReplacer("/", "_", ":", "_").Replace(name)
}
