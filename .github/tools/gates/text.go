// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// licence is what every source file says in its first lines.
const licence = "SPDX-License-Identifier: Apache-2.0"

func checkHeaders(ctx context.Context, root string, _ io.Writer) ([]string, error) {
	return eachFile(ctx, root, func(name string, content []byte) []string {
		if !needsHeader(name, content) {
			return nil
		}
		lines := bytes.SplitN(content, []byte("\n"), 4)
		for _, line := range lines[:min(3, len(lines))] {
			if bytes.Contains(line, []byte(licence)) {
				return nil
			}
		}
		return []string{name + ": does not begin with " + licence}
	})
}

// needsHeader tells whether a person wrote the file as source. Golden files and generated files are output.
func needsHeader(name string, content []byte) bool {
	if strings.Contains(name, "/testdata/") {
		return false
	}
	switch {
	case isGo(name):
		return !isGenerated(content)
	case filepath.Base(name) == "Makefile", strings.HasPrefix(name, ".github/workflows/"):
		return true
	default:
		return isShell(name, content)
	}
}

// mark finds words that say that something is not finished. It does not contain them itself.
var mark = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b`)

func checkMarks(ctx context.Context, root string, _ io.Writer) ([]string, error) {
	return eachFile(ctx, root, func(name string, content []byte) []string {
		if strings.HasSuffix(name, ".sum") || isGenerated(content) || bytes.IndexByte(content, 0) >= 0 {
			return nil
		}
		var violations []string
		number := 0
		for line := range bytes.Lines(content) {
			number++
			if mark.Match(line) {
				violations = append(violations, fmt.Sprintf("%s:%d: %s", name, number, bytes.TrimSpace(line)))
			}
		}
		return violations
	})
}

// curled finds markers that gofmt changes, or has changed: in comments it makes one typographic quote of two single
// ones, and a CEL rule with it is no CEL any more.
var curled = regexp.MustCompile(`^\s*// ?\+.*(''|` + "``" + `|[“”])`)

func checkMarkers(ctx context.Context, root string, _ io.Writer) ([]string, error) {
	return eachFile(ctx, root, func(name string, content []byte) []string {
		if !isGo(name) || isGenerated(content) {
			return nil
		}
		var violations []string
		number := 0
		for line := range bytes.Lines(content) {
			number++
			if curled.Match(line) {
				violations = append(violations,
					fmt.Sprintf("%s:%d: gofmt changes '' in markers: write rule=`...` and \"\" in it", name, number))
			}
		}
		return violations
	})
}

// unreleased is the version that `go mod tidy` writes for a sibling that go.mod does not require yet.
const unreleased = " v0.0.0-00010101000000-000000000000"

func checkSiblings(ctx context.Context, root string, _ io.Writer) ([]string, error) {
	return eachFile(ctx, root, func(name string, content []byte) []string {
		if filepath.Base(name) != "go.mod" || !bytes.Contains(content, []byte(unreleased)) {
			return nil
		}
		return []string{name + ": requires a sibling without a version; write its last release, v0.1.0 before the first"}
	})
}

func checkShell(ctx context.Context, root string, out io.Writer) ([]string, error) {
	var scripts []string
	_, err := eachFile(ctx, root, func(name string, content []byte) []string {
		if isShell(name, content) && !strings.Contains(name, "/testdata/") {
			scripts = append(scripts, name)
		}
		return nil
	})
	if err != nil || len(scripts) == 0 {
		return nil, err
	}
	program, missing := exec.LookPath("shellcheck")
	if missing != nil {
		return nil, fmt.Errorf("looking for shellcheck (Debian: apt install shellcheck): %w", missing)
	}
	cmd := exec.CommandContext(ctx, program, append([]string{"--format=gcc"}, scripts...)...)
	cmd.Dir = root
	found, err := cmd.CombinedOutput()
	if err == nil {
		fmt.Fprintf(out, "     %d scripts\n", len(scripts))
		return nil, nil
	}
	return strings.Split(strings.TrimSpace(string(found)), "\n"), nil
}

func eachFile(ctx context.Context, root string, judge func(name string, content []byte) []string) ([]string, error) {
	files, err := tracked(ctx, root)
	if err != nil {
		return nil, err
	}
	var violations []string
	for _, name := range files {
		content, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", name, err)
		}
		violations = append(violations, judge(name, content)...)
	}
	return violations, nil
}
