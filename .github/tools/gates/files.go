// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// modules are the Go modules with code of the product, in the order of their layers.
func modules() []string {
	return []string{"shared", "bootstrap", "controlplane-incluster", "controlplane-machines", "e2e"}
}

// tracked lists the files git knows, and those it would take if added, by their path from the root.
func tracked(ctx context.Context, root string) ([]string, error) {
	cmd := exec.CommandContext(ctx, "git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("listing files: %w", err)
	}
	var files []string
	for name := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		info, err := os.Lstat(filepath.Join(root, name))
		if err == nil && info.Mode().IsRegular() {
			files = append(files, name)
		}
	}
	return files, nil
}

var generatedMark = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)

// isGenerated tells whether Go's convention says that no person wrote the file.
func isGenerated(content []byte) bool {
	head, _, _ := bytes.Cut(append([]byte("\n"), content...), []byte("\npackage "))
	return generatedMark.Match(head)
}

func isGo(name string) bool   { return strings.HasSuffix(name, ".go") }
func isTest(name string) bool { return strings.HasSuffix(name, "_test.go") }

// isShell tells whether the file is a script for sh or bash, by its name or first line.
func isShell(name string, content []byte) bool {
	first, _, _ := bytes.Cut(content, []byte("\n"))
	if !bytes.HasPrefix(first, []byte("#!")) {
		return strings.HasSuffix(name, ".sh")
	}
	return bytes.HasSuffix(first, []byte("/sh")) || bytes.HasSuffix(first, []byte("/bash")) ||
		bytes.HasSuffix(first, []byte(" bash")) || bytes.HasSuffix(first, []byte(" sh"))
}
