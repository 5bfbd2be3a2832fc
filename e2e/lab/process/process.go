// SPDX-License-Identifier: Apache-2.0

// Package process starts programs that outlive the lab command, and finds and ends them again.
// A program is known by a pid file that also holds its start time, so that a reused pid is never mistaken for it,
// and a digest of its command, so that a changed command is noticed. Pid files can get lost, so a program and all that
// it starts also carry the directory of its pid file in their environment: see Marked.
package process

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Spec is a program to keep running.
type Spec struct {
	// Name is unique in the lab; pid file and log are called after it.
	Name string
	Args []string
	Env  []string
	// Inputs are files the program reads once at its start: if one changes, the program is started anew.
	Inputs []string
}

// Set is the programs of one lab.
type Set struct {
	// PIDs holds the pid files, Logs the output of the programs.
	PIDs, Logs string
}

// record is the content of a pid file.
type record struct {
	PID int `json:"pid"`
	// Start is field 22 of /proc/<pid>/stat: clock ticks since boot.
	Start  string `json:"start"`
	Digest string `json:"digest"`
}

// Ensure starts the program unless the very same one runs already, and reports whether it did.
func (s Set) Ensure(ctx context.Context, spec Spec) (bool, error) {
	digest, err := spec.digest()
	if err != nil {
		return false, fmt.Errorf("starting %s: %w", spec.Name, err)
	}
	if old, running := s.find(spec.Name); running {
		if old.Digest == digest {
			return false, nil
		}
		if err := s.Stop(ctx, spec.Name, 10*time.Second); err != nil {
			return false, err
		}
	}
	if err := s.start(spec, digest); err != nil {
		return false, fmt.Errorf("starting %s: %w", spec.Name, err)
	}
	return true, nil
}

func (s Set) start(spec Spec, digest string) error {
	for _, dir := range []string{s.PIDs, s.Logs} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	log, err := os.OpenFile(s.LogFile(spec.Name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(spec.Args[0], spec.Args[1:]...) //nolint:noctx // it must outlive every context
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(append(os.Environ(), spec.Env...), Mark(s.PIDs))
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	start, _ := startTime(cmd.Process.Pid)
	content, err := json.Marshal(record{PID: cmd.Process.Pid, Start: start, Digest: digest})
	if err != nil {
		return err
	}
	go cmd.Wait() //nolint:errcheck // reaps it if it dies while the lab command still runs
	return replace(s.pidFile(spec.Name), content)
}

// replace writes a file that nobody ever reads by half.
func replace(path string, content []byte) error {
	if err := os.WriteFile(path+".new", content, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// LogFile is where the output of a program goes.
func (s Set) LogFile(name string) string { return filepath.Join(s.Logs, name+".log") }

func (s Set) pidFile(name string) string { return filepath.Join(s.PIDs, name+".pid") }

// PID returns the process id of a program and whether it runs.
func (s Set) PID(name string) (int, bool) {
	r, running := s.find(name)
	return r.PID, running
}

func (s Set) find(name string) (record, bool) {
	content, err := os.ReadFile(s.pidFile(name))
	if err != nil {
		return record{}, false
	}
	var r record
	if err := json.Unmarshal(content, &r); err != nil || r.PID <= 0 {
		return record{}, false
	}
	start, alive := startTime(r.PID)
	return r, alive && start == r.Start
}

// Names lists all programs that have a pid file, running or not.
func (s Set) Names() ([]string, error) {
	files, err := filepath.Glob(filepath.Join(s.PIDs, "*.pid"))
	if err != nil {
		return nil, fmt.Errorf("listing pid files: %w", err)
	}
	names := make([]string, 0, len(files))
	for _, file := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(file), ".pid"))
	}
	slices.Sort(names)
	return names, nil
}

// Stop ends a program: SIGTERM, and SIGKILL after grace. A program that does not run is no error.
func (s Set) Stop(ctx context.Context, name string, grace time.Duration) error {
	r, running := s.find(name)
	if !running {
		return s.forget(name)
	}
	if err := syscall.Kill(r.PID, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("stopping %s: %w", name, err)
	}
	if !s.gone(ctx, name, grace) {
		if err := syscall.Kill(r.PID, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("killing %s: %w", name, err)
		}
		if !s.gone(ctx, name, 10*time.Second) {
			return fmt.Errorf("stopping %s: process %d survives SIGKILL", name, r.PID)
		}
	}
	return s.forget(name)
}

func (s Set) forget(name string) error {
	if err := os.Remove(s.pidFile(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("removing pid file of %s: %w", name, err)
	}
	return nil
}

// gone waits until the program has ended and reports whether it has.
func (s Set) gone(ctx context.Context, name string, limit time.Duration) bool {
	for deadline := time.Now().Add(limit); time.Now().Before(deadline) && ctx.Err() == nil; time.Sleep(20 * time.Millisecond) {
		if _, running := s.find(name); !running {
			return true
		}
	}
	return false
}

func (s Spec) digest() (string, error) {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q", s.Args, s.Env)
	for _, file := range s.Inputs {
		content, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%s %x", file, sha256.Sum256(content))
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// startTime reads when a process was started; false if there is none or only its zombie is left.
func startTime(pid int) (string, bool) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", false
	}
	// The second field is the program's name in parentheses and may contain anything.
	_, rest, found := strings.Cut(string(content), ") ")
	fields := strings.Fields(rest)
	if !found || len(fields) < 20 {
		return "", false
	}
	return fields[19], fields[0] != "Z"
}
