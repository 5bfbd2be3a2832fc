// SPDX-License-Identifier: Apache-2.0

package k0sconfig

import (
	"fmt"
	"strings"
)

// Problem is one thing in the user's document that cannot be used.
type Problem struct {
	// Path is where it stands, such as spec.api.port.
	Path string
	// Value is what stands there, as JSON; "(hidden)" where it may be secret.
	Value string
	// Message says what is wrong with it.
	Message string
	// Fix says what to do.
	Fix string
}

// Error is the problem as one sentence.
func (p Problem) Error() string {
	return fmt.Sprintf("%s: %s %s; %s", p.Path, p.Value, p.Message, p.Fix)
}

// Problems are all that was found, ordered by path.
type Problems []Problem

// Error lists them, separated by line breaks.
func (p Problems) Error() string {
	lines := make([]string, 0, len(p))
	for _, problem := range p {
		lines = append(lines, problem.Error())
	}
	return strings.Join(lines, "\n")
}
