// SPDX-License-Identifier: Apache-2.0

package k0sconfig

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
)

// Problem is one thing that cannot be used as it stands.
type Problem struct {
	// Path is where it stands: in the user's document, such as spec.api.port, or
	// in a fact, such as Cluster.spec.clusterNetwork.pods.cidrBlocks.
	Path string
	// Value is what stands there, as JSON. It is empty for whole sections and
	// for what may be secret.
	Value string
	// Message says what is wrong with it.
	Message string
	// Fix says what to do.
	Fix string
}

// String is the problem in one line.
func (p Problem) String() string {
	return strings.Join(slices.DeleteFunc([]string{p.Path + ":", p.Value, p.Message + ";", p.Fix},
		func(part string) bool { return part == "" }), " ")
}

// ConfigErrors are all problems that were found, ordered by path: the error of
// [Effective].
type ConfigErrors []Problem

// Error lists the problems, one a line.
func (p ConfigErrors) Error() string {
	lines := make([]string, 0, len(p))
	for _, problem := range p {
		lines = append(lines, problem.String())
	}
	return strings.Join(lines, "\n")
}

// ordered is the same list by path, so that messages are stable.
func ordered(problems []Problem) []Problem {
	return slices.SortedStableFunc(slices.Values(problems), func(a, b Problem) int { return cmp.Compare(a.Path, b.Path) })
}

// shown is how a value appears in a problem.
func shown(value any) string {
	switch value.(type) {
	case map[string]any, []any, nil:
		return ""
	}
	text, err := json.Marshal(value)
	if err != nil {
		return ""
	}
	return string(text)
}
