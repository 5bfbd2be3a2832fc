// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/k0smotron/k0smotron/e2e/lab/command"
	"github.com/k0smotron/k0smotron/e2e/lab/layout"
)

// MountNamespace keeps what containerd and the kubelet mount, and what they write to places nobody can configure,
// away from the host. It ends with Remove, and all its mounts with it.
type MountNamespace struct {
	paths layout.Paths
}

// NewMountNamespace is the mount namespace of one lab.
func NewMountNamespace(p layout.Paths) MountNamespace { return MountNamespace{paths: p} }

// fixedPlaces are directories that are compiled into containerd, libcni and the kubelet. On a host with a kubelet of
// its own the second one would empty the first one's.
func fixedPlaces() []string {
	return []string{"/run/containerd", "/var/lib/cni", "/var/lib/kubelet", "/var/log/containers", "/var/log/pods"}
}

// Ensure makes the namespace with a directory of the lab bound over each fixed place.
func (m MountNamespace) Ensure(ctx context.Context) error {
	held, err := mounts(m.holder())
	if err != nil || slices.Contains(held, m.paths.MountNamespace()) {
		return err
	}
	if err := m.makePlaces(); err != nil {
		return err
	}
	if len(held) == 0 { // the file of a namespace can only be mounted below a private mount
		if err := command.Run(ctx, "mount", "--bind", "--make-private", m.holder(), m.holder()); err != nil {
			return err
		}
	}
	script := []string{"set -e"}
	for _, place := range fixedPlaces() {
		script = append(script, fmt.Sprintf("mount --bind %s %s", m.private(place), place))
	}
	return command.Run(ctx, "unshare", "--mount="+m.paths.MountNamespace(), "--propagation=slave", "sh", "-c",
		strings.Join(script, "\n"))
}

// Remove ends the namespace. No process may be left in it.
func (m MountNamespace) Remove() error {
	held, err := mounts(m.holder())
	if err != nil {
		return err
	}
	if err := unmount(held); err != nil {
		return err
	}
	return m.removePlaces()
}

// holder is the private mount that holds the namespace's file.
func (m MountNamespace) holder() string { return filepath.Dir(m.paths.MountNamespace()) }

// private is the lab's own directory for a fixed place.
func (m MountNamespace) private(place string) string {
	if place == "/var/log/pods" {
		return filepath.Join(m.paths.Logs(), "pods") // people read these
	}
	return filepath.Join(m.paths.Run, "places", strings.ReplaceAll(strings.Trim(place, "/"), "/", "-"))
}

// made lists the fixed places the host did not have.
func (m MountNamespace) made() string { return filepath.Join(m.paths.State, "made-directories") }

func (m MountNamespace) makePlaces() error {
	made, err := m.madePlaces()
	if err != nil {
		return err
	}
	for _, place := range fixedPlaces() {
		if _, err := os.Stat(place); errors.Is(err, os.ErrNotExist) {
			made = append(made, place)
		}
	}
	if err := layout.Write(m.made(), []byte(strings.Join(made, "\n")), 0o644); err != nil {
		return err
	}
	for _, place := range fixedPlaces() {
		for _, dir := range []string{place, m.private(place)} {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return fmt.Errorf("creating directory: %w", err)
			}
		}
	}
	return layout.Write(m.paths.MountNamespace(), nil, 0o600)
}

func (m MountNamespace) madePlaces() ([]string, error) {
	content, err := os.ReadFile(m.made())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("reading which directories were made: %w", err)
	}
	return strings.Fields(string(content)), nil
}

// removePlaces removes the directories that makePlaces made, unless somebody else uses them by now.
func (m MountNamespace) removePlaces() error {
	made, err := m.madePlaces()
	if err != nil {
		return err
	}
	for _, place := range made {
		err := os.Remove(place)
		if err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, syscall.ENOTEMPTY) {
			return fmt.Errorf("removing directory: %w", err)
		}
	}
	return nil
}

// mounts lists the mount points of this process at or below dir, in the order in which they were made.
func mounts(dir string) ([]string, error) {
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("reading mounts: %w", err)
	}
	return parseMounts(string(table), dir), nil
}

// parseMounts reads mountinfo, whose fifth field is the mount point with blanks written as octal numbers.
func parseMounts(table, dir string) []string {
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	var found []string
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) < 5 {
			continue
		}
		target := unescape.Replace(fields[4])
		if target == dir || strings.HasPrefix(target, dir+"/") {
			found = append(found, target)
		}
	}
	return found
}

// UnmountBelow takes away all mounts below dir and says how many. A mount on dir itself stays: it is whoever placed the
// directory there that made it, and what it hides is not the lab's to touch.
func UnmountBelow(dir string) (int, error) {
	found, err := mounts(dir)
	if err != nil {
		return 0, err
	}
	below := slices.DeleteFunc(found, func(target string) bool { return target == dir })
	return len(below), unmount(below)
}

// unmount takes mounts away, the last made first.
func unmount(targets []string) error {
	for _, target := range slices.Backward(targets) {
		if err := syscall.Unmount(target, syscall.MNT_DETACH); err != nil && !errors.Is(err, syscall.EINVAL) {
			return fmt.Errorf("unmounting %s: %w", target, err)
		}
	}
	return nil
}
