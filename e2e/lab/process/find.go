// SPDX-License-Identifier: Apache-2.0

package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// variable is how a program of a Set, and all that it starts, is known without its pid file.
const variable = "K0SMOTRON_LAB="

// Mark is what the environment of the programs in dir has, as KEY=value.
func Mark(dir string) string { return variable + dir }

// Marked lists the ids of running processes that were started by a Set with its pid files in dir or below, or by a
// program of such a Set. It sees other users' processes only as root.
func Marked(dir string) ([]string, error) {
	return list("environ", func(environ []byte) bool { return isMarked(environ, dir) })
}

// isMarked judges the content of /proc/<pid>/environ, whose variables end with zero bytes.
func isMarked(environ []byte, dir string) bool {
	mark := []byte(Mark(dir))
	for entry := range bytes.SplitSeq(environ, []byte{0}) {
		if rest, found := bytes.CutPrefix(entry, mark); found && (len(rest) == 0 || rest[0] == '/') {
			return true
		}
	}
	return false
}

// KillAll kills what find finds until it finds nothing more, and returns the ids of all it killed: processes may start
// others while they are killed.
func KillAll(ctx context.Context, find func() ([]string, error)) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var killed []string
	for {
		pids, err := find()
		if err != nil || len(pids) == 0 {
			return killed, err
		}
		for _, pid := range pids {
			if err := kill(pid); err != nil {
				return killed, err
			}
			if !slices.Contains(killed, pid) {
				killed = append(killed, pid)
			}
		}
		select {
		case <-ctx.Done():
			return killed, fmt.Errorf("waiting for killed processes %v to end: %w", pids, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func kill(pid string) error {
	number, err := strconv.Atoi(pid)
	if err != nil {
		return fmt.Errorf("reading process id: %w", err)
	}
	// 0 stands for a process of another pid namespace; as an argument it would mean this process and all its kin.
	if number <= 0 || number == os.Getpid() {
		return fmt.Errorf("killing process %d: it is not one that can be killed", number)
	}
	if err := syscall.Kill(number, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("killing process %d: %w", number, err)
	}
	return nil
}

// WithArgument lists the ids of running programs called name that have argument among their arguments.
func WithArgument(name, argument string) ([]string, error) {
	return list("cmdline", func(cmdline []byte) bool { return matches(cmdline, name, argument) })
}

// list gives the ids of the processes whose file below /proc/<pid> is as wanted.
func list(file string, wanted func(content []byte) bool) ([]string, error) {
	files, err := filepath.Glob("/proc/[0-9]*/" + file)
	if err != nil {
		return nil, fmt.Errorf("listing processes: %w", err)
	}
	var pids []string
	for _, path := range files {
		content, err := os.ReadFile(path) // fails for a process that has just ended, or is another user's
		if err == nil && wanted(content) {
			pids = append(pids, filepath.Base(filepath.Dir(path)))
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
