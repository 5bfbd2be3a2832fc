// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// MachineNameValue is the value of MachineNameLabel for a Machine: its name, cut and hashed above the limit of label
// values. The machine registers it, and whoever looks for the Node of a Machine asks for it.
func MachineNameValue(machine string) string {
	if len(machine) <= NameLimit {
		return machine
	}
	sum := sha256.Sum256([]byte(machine))
	tail := "-" + hex.EncodeToString(sum[:])[:hashLength]
	return strings.TrimRight(machine[:NameLimit-len(tail)], "-.") + tail
}
