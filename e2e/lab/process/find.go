// SPDX-License-Identifier: Apache-2.0

package process

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// WithArgument lists the ids of running programs called name that have argument among their arguments.
func WithArgument(name, argument string) ([]string, error) {
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return nil, fmt.Errorf("listing processes: %w", err)
	}
	var pids []string
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err == nil && matches(content, name, argument) {
			pids = append(pids, filepath.Base(filepath.Dir(file)))
		}
	}
	return pids, nil
}

// matches judges the content of /proc/<pid>/cmdline, whose arguments end with zero bytes.
func matches(cmdline []byte, name, argument string) bool {
	args := bytes.Split(cmdline, []byte{0})
	return filepath.Base(string(args[0])) == name &&
		slices.ContainsFunc(args[1:], func(a []byte) bool { return string(a) == argument })
}
