// SPDX-License-Identifier: Apache-2.0

package host

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/k0smotron/k0smotron/e2e/lab/layout"
)

// forwarding is the host's switch for routing between its devices, without which the lab's segment ends at the host.
const forwarding = "/proc/sys/net/ipv4/ip_forward"

// former keeps what the switch was.
func former(p layout.Paths) string { return filepath.Join(p.State, "former-ip-forward") }

// EnableForwarding turns the switch on and remembers how it was.
func EnableForwarding(p layout.Paths) error {
	content, err := os.ReadFile(forwarding)
	if err != nil {
		return fmt.Errorf("reading whether the host forwards: %w", err)
	}
	if _, err := os.Stat(former(p)); errors.Is(err, os.ErrNotExist) {
		if err := layout.Write(former(p), content, 0o644); err != nil {
			return err
		}
	}
	return setForwarding([]byte("1"))
}

// RestoreForwarding puts the switch back to what it was before the lab.
func RestoreForwarding(p layout.Paths) error {
	content, err := os.ReadFile(former(p))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading whether the host forwarded: %w", err)
	}
	return setForwarding(content)
}

func setForwarding(value []byte) error {
	if err := os.WriteFile(forwarding, value, 0o644); err != nil {
		return fmt.Errorf("setting whether the host forwards: %w", err)
	}
	return nil
}
