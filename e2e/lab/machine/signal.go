// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/k0smotron/k0smotron/e2e/lab/host"
)

// Signal is a signal for the processes of a machine that run one program.
type Signal struct {
	// Name is the signal's, without SIG: STOP, CONT, KILL, TERM …
	Name string `json:"name"`
	// Process is the file name of the program.
	Process string `json:"process"`
	// Argument is one of its arguments, if not every process of the program is meant: "k0s controller" also runs "k0s api".
	Argument string `json:"argument,omitempty"`
}

// Signal sends a signal to processes of a machine and returns how many there were. None is ErrNotFound.
func (h *Host) Signal(name string, signal Signal) (int, error) {
	number := unix.SignalNum("SIG" + signal.Name)
	if number == 0 || signal.Process == "" {
		return 0, fmt.Errorf("%w: signal %q for process %q", ErrInvalid, signal.Name, signal.Process)
	}
	if _, err := h.recall(name); err != nil {
		return 0, err
	}
	pids, err := host.CgroupProcesses(filepath.Join(cgroupParent, name))
	if err != nil {
		return 0, err
	}
	count, err := signalAll(pids, number, signal)
	if err == nil && count == 0 {
		err = fmt.Errorf("%w: process %s %s on %s", ErrNotFound, signal.Process, signal.Argument, name)
	}
	return count, err
}

func signalAll(pids []string, number syscall.Signal, signal Signal) (int, error) {
	count := 0
	for _, pid := range pids {
		// 0 stands for a process of another pid namespace; as an argument it would mean this process and all its kin.
		id, err := strconv.Atoi(pid)
		if err != nil || id <= 0 || !runs(pid, signal) {
			continue
		}
		if err := syscall.Kill(id, number); errors.Is(err, syscall.ESRCH) {
			continue
		} else if err != nil {
			return count, fmt.Errorf("signalling process %s: %w", pid, err)
		}
		count++
	}
	return count, nil
}

// runs says whether a process runs the program of a signal. One that has just ended runs nothing.
func runs(pid string, signal Signal) bool {
	cmdline, err := os.ReadFile(filepath.Join("/proc", pid, "cmdline"))
	if err != nil {
		return false
	}
	args := bytes.Split(bytes.TrimSuffix(cmdline, []byte{0}), []byte{0})
	if filepath.Base(string(args[0])) != signal.Process {
		return false
	}
	isWanted := func(argument []byte) bool { return string(argument) == signal.Argument }
	return signal.Argument == "" || slices.ContainsFunc(args[1:], isWanted)
}
