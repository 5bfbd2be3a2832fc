// SPDX-License-Identifier: Apache-2.0

package machines

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/k0smotron/k0smotron/e2e/lab/download"
	"github.com/k0smotron/k0smotron/e2e/lab/k0s"
	"github.com/k0smotron/k0smotron/e2e/lab/layout"
)

// Manifests reads the manifests of a directory, in the order of their names, and fills in what only a running lab
// knows: ${ARCH} and ${K0S_SHA256}, the checksum of the k0s it serves. Another variable is an error.
func Manifests(p layout.Paths, dir string) (string, error) {
	config, err := ReadConfig(configFile(p))
	if err != nil {
		return "", err
	}
	sum, err := download.Sum(config.Downloads[download.FileName(k0s.Version, layout.Arch())])
	if err != nil {
		return "", err
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil || len(files) == 0 {
		return "", fmt.Errorf("reading manifests: none in %s", dir)
	}
	slices.Sort(files)
	documents := make([]string, 0, len(files))
	for _, file := range files {
		document, err := expand(file, map[string]string{"ARCH": layout.Arch(), "K0S_SHA256": sum})
		if err != nil {
			return "", err
		}
		documents = append(documents, document)
	}
	return strings.Join(documents, "---\n"), nil
}

func expand(file string, variables map[string]string) (string, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("reading manifests: %w", err)
	}
	var unknown []string
	expanded := os.Expand(string(content), func(name string) string {
		value, known := variables[name]
		if !known {
			unknown = append(unknown, name)
		}
		return value
	})
	if len(unknown) > 0 {
		return "", fmt.Errorf("reading manifests: %s has unknown variables: %s", file, strings.Join(unknown, ", "))
	}
	return expanded, nil
}
