// SPDX-License-Identifier: Apache-2.0

package k0scontract

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// providers are the folders whose golden files are read.
func providers() []string { return []string{"bootstrap", "controlplane-incluster"} }

// GoldenFiles are the golden outputs of the providers, relative to the root of the repository.
func GoldenFiles(root string) ([]string, error) {
	var files []string
	for _, provider := range providers() {
		err := filepath.WalkDir(filepath.Join(root, provider), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !slices.Contains(strings.Split(path, "/"), "testdata") {
				return err
			}
			relative, err := filepath.Rel(root, path)
			files = append(files, relative)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("looking for golden files: %w", err)
		}
	}
	return files, nil
}

// Collect reads all golden outputs. Inputs of golden tests, and outputs that never reach k0s, make no source.
func Collect(root string) ([]Source, error) {
	files, err := GoldenFiles(root)
	if err != nil {
		return nil, err
	}
	var sources []Source
	for _, file := range files {
		facts, err := factsOf(filepath.Join(root, file))
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", file, err)
		}
		if len(facts) > 0 {
			sources = append(sources, Source{Path: file, Facts: facts})
		}
	}
	return sources, nil
}

func factsOf(path string) ([]Fact, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading golden file: %w", err)
	}
	switch {
	case filepath.Base(path) == configFile:
		return ConfigFacts(KindKey, data)
	case filepath.Base(path) == clusterWideFile:
		return ConfigFacts(KindClusterKey, data)
	case strings.HasPrefix(string(data), cloudConfig):
		parsed, err := ParseUserData(data)
		if err != nil {
			return nil, err
		}
		return parsed.Facts()
	case strings.Contains(string(data), "\nkind: StatefulSet\n"):
		hosted, err := ParseHosted(data)
		if err != nil || hosted == nil {
			return nil, err
		}
		return hosted.Facts(), nil
	default:
		return nil, nil
	}
}
