// SPDX-License-Identifier: Apache-2.0

// Package service installs and steers the systemd unit of a controller or worker.
package service

import (
	"context"
	_ "embed" // for the unit template
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"
)

// UnitDir is where systemd looks for units of the machine's administrator.
const UnitDir = "/etc/systemd/system"

//go:embed k0s.service.tmpl
var unitTemplate string

// Unit is the service of one role.
type Unit struct {
	Role        string
	Executable  string
	Args        []string
	Environment []string
}

// Name is the unit's name, without the suffix.
func (u Unit) Name() string { return "k0s" + u.Role }

// Text is the content of the unit file.
func (u Unit) Text() (string, error) {
	parsed, err := template.New("unit").Funcs(template.FuncMap{"quote": quote}).Parse(unitTemplate)
	if err != nil {
		return "", fmt.Errorf("parsing unit template: %w", err)
	}
	var text strings.Builder
	if err := parsed.Execute(&text, u); err != nil {
		return "", fmt.Errorf("rendering unit: %w", err)
	}
	return text.String(), nil
}

// quote protects an argument from systemd's own splitting and expansion.
func quote(argument string) string {
	argument = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "%", "%%", "$", "$$").Replace(argument)
	if strings.ContainsAny(argument, " \t'") || argument == "" {
		return `"` + argument + `"`
	}
	return argument
}

// Existing says what to do with a unit that is already there.
type Existing string

// What to do with an existing unit.
const (
	Refuse  Existing = "refuse"
	Replace Existing = "replace"
)

// Install writes and enables the unit.
func Install(ctx context.Context, unit Unit, existing Existing) error {
	path := filepath.Join(UnitDir, unit.Name()+".service")
	if _, err := os.Stat(path); err == nil && existing == Refuse {
		return fmt.Errorf("failed to install %s service: Init already exists: %s", unit.Role, path)
	}
	text, err := unit.Text()
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		return fmt.Errorf("writing unit: %w", err)
	}
	return errors.Join(systemctl(ctx, "enable", unit.Name()), systemctl(ctx, "daemon-reload"))
}

// Start starts the installed unit, which must not run.
func Start(ctx context.Context) error {
	name, err := installed()
	if err != nil {
		return err
	}
	if systemctl(ctx, "is-active", "--quiet", name) == nil {
		return errors.New("already running")
	}
	return systemctl(ctx, "start", name)
}

// Stop stops the installed unit, which must run.
func Stop(ctx context.Context) error {
	name, err := installed()
	if err != nil {
		return err
	}
	if systemctl(ctx, "is-active", "--quiet", name) != nil {
		return errors.New("already stopped")
	}
	return systemctl(ctx, "stop", name)
}

func installed() (string, error) {
	for _, role := range []string{"controller", "worker"} {
		name := Unit{Role: role}.Name()
		if _, err := os.Stat(filepath.Join(UnitDir, name+".service")); err == nil {
			return name, nil
		}
	}
	return "", errors.New("k0s has not been installed as a service")
}

func systemctl(ctx context.Context, args ...string) error {
	if output, err := exec.CommandContext(ctx, "systemctl", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("systemctl %s: %w: %s", strings.Join(args, " "), err, output)
	}
	return nil
}
