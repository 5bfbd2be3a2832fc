// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// namespaceFile is where a pod finds the namespace of its ServiceAccount.
const namespaceFile = "root/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// KillManager ends the processes of a manager the way a machine that fails does, with SIGKILL. The kubelet starts its
// container again.
func KillManager(t *testing.T, namespace string) {
	t.Helper()
	Eventually(t, 3*time.Minute, func() error {
		processes, err := processesOf(namespace)
		if err != nil {
			return err
		}
		if len(processes) == 0 {
			return fmt.Errorf("no process of %s runs", namespace)
		}
		for _, pid := range processes {
			require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
		}
		t.Logf("killed %s", namespace)
		return nil
	})
}

func processesOf(namespace string) ([]int, error) {
	files, err := filepath.Glob("/proc/[0-9]*/" + namespaceFile)
	if err != nil {
		return nil, err
	}
	var processes []int
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil || strings.TrimSpace(string(content)) != namespace {
			continue // Another pod, or a process that has just ended.
		}
		pid, err := strconv.Atoi(strings.Split(file, "/")[2])
		if err != nil {
			return nil, err
		}
		processes = append(processes, pid)
	}
	return processes, nil
}
