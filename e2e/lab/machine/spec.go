// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
)

var (
	// ErrNotFound means that no machine has this name.
	ErrNotFound = errors.New("no such machine")
	// ErrTaken means that a machine with this name belongs to somebody else.
	ErrTaken = errors.New("name is taken by a machine of another owner")
	// ErrInvalid means that a machine cannot be made from what was given.
	ErrInvalid = errors.New("invalid machine")
)

// Spec is what a machine is made from.
type Spec struct {
	// Name is its host name and, with the prefix k0slab-, that of its network namespace: a DNS label.
	Name string `json:"name"`
	// Owner is whoever asked for it; only they can ask again.
	Owner string `json:"owner,omitempty"`
	// UserData is what cloud-init gets.
	UserData []byte `json:"userData,omitempty"`
	// ControlPlane asks for a machine on which etcd writes to memory. What it wrote survives the loss of the machine's
	// power, as on a disk, and goes with the machine.
	ControlPlane bool `json:"controlPlane,omitempty"`
}

// State is what is known of a machine.
type State struct {
	Name    string     `json:"name"`
	Owner   string     `json:"owner,omitempty"`
	Address netip.Addr `json:"address"`
	// Running is false after Stop and PowerCut, and when the machine has switched itself off.
	Running bool `json:"running"`
}

// record is what the host remembers of a machine, written before anything else is made for it.
type record struct {
	Name    string     `json:"name"`
	Owner   string     `json:"owner,omitempty"`
	Address netip.Addr `json:"address"`
	// ControlPlane is the wish that it was made from.
	ControlPlane bool `json:"controlPlane,omitempty"`
	// Complete is set once the machine has been started for the first time; until then its making is resumed.
	Complete bool `json:"complete"`
}

var label = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

func (s Spec) validate() error {
	if !label.MatchString(s.Name) {
		return fmt.Errorf("%w: name %q is not a DNS label of at most 63 characters", ErrInvalid, s.Name)
	}
	if len(s.UserData) == 0 {
		return fmt.Errorf("%w: %s has no user data", ErrInvalid, s.Name)
	}
	return nil
}
