// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/k0smotron/k0smotron/e2e/lab/command"
)

// Packages lists the Debian packages the lab needs on its host. `lab down` leaves them installed.
func Packages() []string {
	return []string{
		"ca-certificates", "conntrack", "containerd", "containernetworking-plugins", "debootstrap", "iproute2", "iptables",
		"kmod", "mount", "procps", "runc", "systemd-container", "util-linux",
	}
}

// policyFile is what Debian's maintainer scripts ask before they start a service. 101 forbids it.
const (
	policyFile = "/usr/sbin/policy-rc.d"
	policy     = "#!/bin/sh\n# written by the k0smotron lab while it installs packages\nexit 101\n"
)

// InstallPackages installs those of names that are missing, without starting any service, and returns them.
func InstallPackages(ctx context.Context, names []string) ([]string, error) {
	missing, err := missingPackages(ctx, names)
	if err != nil || len(missing) == 0 {
		return nil, err
	}
	restore, err := forbidServices()
	if err != nil {
		return nil, err
	}
	defer restore()
	if err := command.Run(ctx, "apt-get", "update", "-q"); err != nil {
		return nil, err
	}
	install := append(
		[]string{"DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-q", "-y", "--no-install-recommends"},
		missing...)
	return missing, command.Run(ctx, "env", install...)
}

func missingPackages(ctx context.Context, names []string) ([]string, error) {
	// dpkg-query fails when it does not know one of the packages, but lists the others all the same.
	query := append(
		[]string{"-c", `dpkg-query -W -f '${Package} ${db:Status-Status}\n' "$@" 2>/dev/null || true`, "sh"},
		names...)
	output, err := command.Output(ctx, "sh", query...)
	return notInstalled(names, output), err
}

// notInstalled reads lines "package status".
func notInstalled(names []string, listing string) []string {
	installed := map[string]bool{}
	for line := range strings.SplitSeq(listing, "\n") {
		if name, status, _ := strings.Cut(line, " "); status == "installed" {
			installed[name] = true
		}
	}
	var missing []string
	for _, name := range names {
		if !installed[name] {
			missing = append(missing, name)
		}
	}
	return missing
}

// forbidServices keeps packages from starting their services until restore is called.
// A policy the host has already is kept as it was.
func forbidServices() (restore func(), err error) {
	old, err := os.ReadFile(policyFile)
	existed := err == nil
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("reading %s: %w", policyFile, err)
	}
	info, _ := os.Stat(policyFile)
	if err := os.WriteFile(policyFile, []byte(policy), 0o755); err != nil {
		return nil, fmt.Errorf("keeping services from starting: %w", err)
	}
	return func() {
		if existed {
			_ = os.WriteFile(policyFile, old, info.Mode())
			return
		}
		_ = os.Remove(policyFile)
	}, nil
}
