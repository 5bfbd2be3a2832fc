// SPDX-License-Identifier: Apache-2.0

package footprint

import (
	"fmt"
	"os"
	"strings"
)

// mounts reads the mounts of the process that looks, and of one process of every other mount namespace.
func mounts(programs []Process) ([]Mount, error) {
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("reading mounts: %w", err)
	}
	own, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil {
		return nil, fmt.Errorf("reading mount namespace: %w", err)
	}
	all, seen := parseMounts(string(table), ""), map[string]bool{own: true}
	for _, program := range programs {
		// These fail for a process that has just ended, and for those of other users.
		namespace, err := os.Readlink("/proc/" + program.PID + "/ns/mnt")
		if err != nil || seen[namespace] {
			continue
		}
		table, err := os.ReadFile("/proc/" + program.PID + "/mountinfo")
		if err != nil || len(table) == 0 {
			continue
		}
		seen[namespace] = true
		all = append(all, parseMounts(string(table), program.String())...)
	}
	return all, nil
}

// parseMounts reads mountinfo: id, parent, device, root, target, options, optional fields, "-", type, source, options of
// the file system; blanks are written as octal numbers.
func parseMounts(table, in string) []Mount {
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	var found []Mount
	for line := range strings.Lines(table) {
		before, after, _ := strings.Cut(line, " - ")
		point, system := strings.Fields(before), strings.Fields(after)
		if len(point) < 5 || len(system) < 3 {
			continue
		}
		found = append(found, Mount{
			Target: unescape.Replace(point[4]), Root: unescape.Replace(point[3]),
			Type: system[0], Options: unescape.Replace(system[2]), In: in,
		})
	}
	return found
}
