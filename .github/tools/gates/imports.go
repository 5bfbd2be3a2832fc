// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
)

// prefix is what the paths of all our modules begin with.
const prefix = "github.com/k0smotron/k0smotron/"

// Package is what `go list` tells of one package.
type Package struct {
	ImportPath string
	Imports    []string
}

// mayImport lists, for each module, what of the other modules its packages may import.
func mayImport() map[string][]string {
	return map[string][]string{
		"shared":                 {},
		"bootstrap":              {"shared"},
		"controlplane-incluster": {"shared"},
		"controlplane-machines":  {"shared", "bootstrap/api"},
		"e2e":                    {"shared", "bootstrap", "controlplane-incluster", "controlplane-machines"},
	}
}

// never lists what no package of ours imports.
func never() []string {
	return []string{
		"k8s.io/kubernetes", "github.com/k0sproject/k0s", "github.com/cloudflare/cfssl", "dario.cat/mergo",
		"github.com/imdario/mergo", "github.com/pkg/errors",
	}
}

// layer is the height of a package inside a provider: a package imports only packages of its own height or below.
func layer(path string) int {
	_, inModule, _ := strings.Cut(path, "/")
	switch {
	case path == inModule || inModule == "":
		return 4 // main
	case within(inModule, "internal/app"):
		return 3
	case within(inModule, "internal/controller"):
		return 2
	case within(inModule, "internal"):
		return 1
	default:
		return 0 // api
	}
}

// forTests tells whether a package only serves tests: the shared test environment, or what a provider adds to it.
func forTests(path string) bool {
	module, _, _ := strings.Cut(path, "/")
	return within(path, "shared/testenv") || within(path, module+"/internal/testenv")
}

func within(path, parent string) bool {
	return path == parent || strings.HasPrefix(path, parent+"/")
}

func checkImports(ctx context.Context, root string, _ io.Writer) ([]string, error) {
	var violations []string
	for _, module := range modules() {
		packages, err := listPackages(ctx, filepath.Join(root, module))
		if err != nil {
			return nil, fmt.Errorf("listing packages of %s: %w", module, err)
		}
		for _, p := range packages {
			violations = append(violations, judgeImports(module, p)...)
		}
	}
	return violations, nil
}

func listPackages(ctx context.Context, dir string) ([]Package, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-json=ImportPath,Imports", "./...")
	cmd.Dir = dir
	stdout, err := cmd.Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			return nil, fmt.Errorf("%w: %s", err, exit.Stderr)
		}
		return nil, err
	}
	var packages []Package
	for decoder := json.NewDecoder(strings.NewReader(string(stdout))); ; {
		var p Package
		switch err := decoder.Decode(&p); {
		case errors.Is(err, io.EOF):
			return packages, nil
		case err != nil:
			return nil, err
		}
		packages = append(packages, p)
	}
}

func judgeImports(module string, p Package) []string {
	var violations []string
	from := strings.TrimPrefix(p.ImportPath, prefix)
	for _, imported := range p.Imports {
		if reason := judgeImport(module, from, imported); reason != "" {
			violations = append(violations, fmt.Sprintf("%s imports %s: %s", from, imported, reason))
		}
	}
	return violations
}

// judgeImport returns why the import is wrong, or nothing.
func judgeImport(module, from, imported string) string {
	for _, forbidden := range never() {
		if within(imported, forbidden) {
			return "never imported"
		}
	}
	to, ours := strings.CutPrefix(imported, prefix)
	if !ours {
		return ""
	}
	if forTests(to) && module != "e2e" && !forTests(from) {
		return "for tests only"
	}
	if within(to, module) {
		if isProvider(module) && !forTests(from) && layer(to) > layer(from) {
			return "upward; the direction is main, internal/app, internal/controller, other internal packages, api"
		}
		return ""
	}
	for _, allowed := range mayImport()[module] {
		if within(to, allowed) {
			return ""
		}
	}
	return fmt.Sprintf("%s may import of ours only %v", module, mayImport()[module])
}

func isProvider(module string) bool { return module != "shared" && module != "e2e" }
