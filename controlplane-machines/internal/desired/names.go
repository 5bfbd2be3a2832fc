// SPDX-License-Identifier: Apache-2.0

package desired

import (
	"cmp"
	"regexp"
	"strings"

	"github.com/k0smotron/k0smotron/shared/contract"
)

// defaultNaming is the pattern of names of control planes that have none.
const defaultNaming = "{{ .k0sControlPlane.name }}-{{ .random }}"

// RandomLength is how many random characters tell the names of two Machines apart.
const RandomLength = 5

var placeholder = regexp.MustCompile(`\{\{ *\.(random|cluster\.name|k0sControlPlane\.name) *\}\}`)

// MachineName is the name of a Machine with the given random characters. What would make it longer than a name may be is
// cut, never the random part.
func MachineName(f Facts, random string) string {
	template := cmp.Or(f.ControlPlane.Spec.MachineNaming.Template, defaultNaming)
	var before, after strings.Builder
	part := &before
	rest := template
	for {
		found := placeholder.FindStringSubmatchIndex(rest)
		if found == nil {
			part.WriteString(rest)
			break
		}
		part.WriteString(rest[:found[0]])
		switch rest[found[2]:found[3]] {
		case "random":
			part = &after
		case "cluster.name":
			part.WriteString(f.Cluster.Name)
		default:
			part.WriteString(f.ControlPlane.Name)
		}
		rest = rest[found[1]:]
	}
	room := contract.NameLimit - len(random)
	end := strings.TrimRight(cut(after.String(), room/2), "-.")
	return beginning(before.String(), room-len(end)) + random + end
}

// beginning is the start of a name with a dash in place of what is cut.
func beginning(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.TrimRight(cut(text, limit-1), "-.") + "-"
}

func cut(text string, limit int) string { return text[:min(len(text), limit)] }
