// SPDX-License-Identifier: Apache-2.0

package dist

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"sigs.k8s.io/yaml"
)

// WriteDir replaces the directory by the chart.
func (c Chart) WriteDir(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("removing the old chart: %w", err)
	}
	for name, content := range c.Files {
		if err := writeFile(filepath.Join(dir, filepath.FromSlash(name)), content); err != nil {
			return fmt.Errorf("writing chart %s: %w", c.Name, err)
		}
	}
	return nil
}

// WriteArchive packs the chart as `helm install` takes it. The same chart gives the same bytes.
func (c Chart) WriteArchive(path string) error {
	var packed bytes.Buffer
	compressed := gzip.NewWriter(&packed)
	if err := c.pack(compressed); err != nil {
		return fmt.Errorf("packing chart %s: %w", c.Name, err)
	}
	if err := compressed.Close(); err != nil {
		return fmt.Errorf("packing chart %s: %w", c.Name, err)
	}
	return writeFile(path, packed.Bytes())
}

func (c Chart) pack(to io.Writer) error {
	out := tar.NewWriter(to)
	for _, name := range slices.Sorted(maps.Keys(c.Files)) {
		content := c.Files[name]
		header := tar.Header{
			Typeflag: tar.TypeReg,
			Name:     c.Name + "/" + name,
			Size:     int64(len(content)),
			Mode:     0o644,
			ModTime:  time.Unix(0, 0),
		}
		if err := out.WriteHeader(&header); err != nil {
			return err
		}
		if _, err := out.Write(content); err != nil {
			return err
		}
	}
	return out.Close()
}

// WriteRepository writes the components, the metadata and the cluster templates of a provider in the form of
// clusterctl's local repositories.
func WriteRepository(root string, layout Layout, p Provider, manifests Manifests) error {
	dir := layout.Repository(p, manifests.Version)
	if err := writeFile(filepath.Join(dir, p.Components), manifests.YAML); err != nil {
		return err
	}
	copies, err := filepath.Glob(filepath.Join(root, p.Folder, "cluster-template*.yaml"))
	if err != nil {
		return fmt.Errorf("looking for cluster templates: %w", err)
	}
	for _, source := range append(copies, filepath.Join(root, p.Folder, "metadata.yaml")) {
		content, err := os.ReadFile(source)
		if err != nil {
			return fmt.Errorf("reading file of %s: %w", p.Product, err)
		}
		if err := writeFile(filepath.Join(dir, filepath.Base(source)), content); err != nil {
			return err
		}
	}
	return nil
}

// WriteClusterctl writes a clusterctl configuration that finds the providers in the layout.
func WriteClusterctl(layout Layout, providers []Provider) error {
	out, err := filepath.Abs(layout.Out)
	if err != nil {
		return fmt.Errorf("finding the output directory: %w", err)
	}
	entries := make([]map[string]string, 0, len(providers))
	for _, p := range providers {
		url := "file://" + filepath.ToSlash(filepath.Join(out, p.Label, "latest", p.Components))
		entries = append(entries, map[string]string{"name": p.Name, "type": p.Type, "url": url})
	}
	text, err := yaml.Marshal(map[string]any{"providers": entries})
	if err != nil {
		return fmt.Errorf("writing clusterctl configuration: %w", err)
	}
	return writeFile(layout.Clusterctl(), text)
}

func writeFile(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("making directory: %w", err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		return fmt.Errorf("writing file: %w", err)
	}
	return nil
}
