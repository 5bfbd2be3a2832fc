// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/k0smotron/k0smotron/e2e/lab/command"
)

// Exec runs a program inside a running machine and returns what it printed.
func (h *Host) Exec(ctx context.Context, name string, args ...string) (string, error) {
	supervisor, running := h.processes.PID(name)
	if !running {
		return "", fmt.Errorf("entering machine %s: it does not run", name)
	}
	init, err := childOf(supervisor)
	if err != nil {
		return "", fmt.Errorf("entering machine %s: %w", name, err)
	}
	enter := []string{"--target", strconv.Itoa(init), "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--"}
	return command.Output(ctx, "nsenter", append(enter, args...)...)
}

// childOf finds the one child of systemd-nspawn that is process 1 of the machine.
func childOf(supervisor int) (int, error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", supervisor, supervisor))
	if err != nil {
		return 0, err
	}
	for child := range strings.FieldsSeq(string(content)) {
		pid, err := strconv.Atoi(child)
		if err != nil {
			return 0, err
		}
		if innermostPID(pid) == "1" {
			return pid, nil
		}
	}
	return 0, fmt.Errorf("process %d has no init below it", supervisor)
}

// innermostPID is the number a process has in its own pid namespace.
func innermostPID(pid int) string {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(content)) {
		if numbers, found := strings.CutPrefix(line, "NSpid:"); found {
			fields := strings.Fields(numbers)
			return fields[len(fields)-1]
		}
	}
	return ""
}
