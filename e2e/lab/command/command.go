// SPDX-License-Identifier: Apache-2.0

// Package command runs programs of the host so that a failure says what was run and what it printed.
package command

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"strings"
)

// Run runs a program to its end. The error of a failed run carries the command line and all output.
func Run(ctx context.Context, name string, args ...string) error {
	return Feed(ctx, nil, name, args...)
}

// Feed is Run with something to read on standard input.
func Feed(ctx context.Context, input io.Reader, name string, args ...string) error {
	var output bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = input, &output, &output
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("running %s: %w: %s", cmd, err, strings.TrimSpace(output.String()))
	}
	return nil
}

// Output runs a program to its end and returns what it wrote to standard output.
func Output(ctx context.Context, name string, args ...string) (string, error) {
	var output, messages bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = &output, &messages
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("running %s: %w: %s", cmd, err, strings.TrimSpace(messages.String()))
	}
	return output.String(), nil
}
