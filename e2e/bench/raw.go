// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/k0smotron/k0smotron/e2e/lab/command"
	"github.com/k0smotron/k0smotron/e2e/lab/k0s"
	"github.com/k0smotron/k0smotron/e2e/lab/layout"
	"github.com/k0smotron/k0smotron/e2e/lab/network"
	"github.com/k0smotron/k0smotron/e2e/lab/process"
)

// lastLines is how much of a log is shown after a failure.
const lastLines = 20

// segment is where a k0s alone lives. The device in it is called eth0, as k0s wants an address that it can find. Every
// run has an address of its own: nothing of one run can answer in the next.
func segment(number int) network.Segment {
	const first, last = 110, 199 // between machines and load balancers
	return network.Segment{
		Netns:   fmt.Sprintf("k0slab-raw-%d", number),
		Veth:    fmt.Sprintf("k0slab-r%d", number),
		Address: fmt.Sprintf("10.211.0.%d", first+number%(last-first+1)),
	}
}

// alone is one run of k0s alone.
type alone struct {
	segment network.Segment
	// dir holds its files. It is on the disk that volumes and directories of pods are on.
	dir, log string
	// mark is by what its processes are found, below the lab's own.
	mark   string
	recipe recipe
}

// raw starts k0s alone, measures it and removes it.
func (b *benchmark) raw(ctx context.Context, number int, hosted recipe) (took time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	name := "raw-" + strconv.Itoa(number)
	run := alone{
		segment: segment(number), dir: filepath.Join(b.paths.State, "bench", name),
		log: filepath.Join(b.paths.Logs(), "bench-"+name+".log"), mark: filepath.Join(b.paths.Run, "bench", name),
	}
	if run.recipe, err = hosted.alone(run.dir, run.segment.Address); err != nil {
		return 0, err
	}
	if err := run.remove(ctx); err != nil { // what an earlier run that was ended has left
		return 0, err
	}
	defer func() { err = errors.Join(err, run.remove(context.WithoutCancel(ctx))) }()
	if err := run.prepare(ctx); err != nil {
		return 0, err
	}
	if took, err = run.measure(ctx, b.binary.Path, programPath(b.paths)); err != nil {
		return 0, fmt.Errorf("%w; the end of %s:\n%s", err, run.log, tail(run.log))
	}
	return took, nil
}

// remove takes a run away: its processes first, then, since nobody can write into them any more, its files.
func (a alone) remove(ctx context.Context) error {
	if _, err := process.KillAll(ctx, func() ([]string, error) { return process.Marked(a.mark) }); err != nil {
		return err
	}
	return errors.Join(network.Remove(ctx, a.segment), os.RemoveAll(a.dir))
}

// prepare writes what the init container of a pod places, but for certificates: k0s alone makes its own.
func (a alone) prepare(ctx context.Context) error {
	if err := os.MkdirAll(a.dir, 0o755); err != nil {
		return fmt.Errorf("making a data directory: %w", err)
	}
	for name, content := range a.recipe.files {
		if err := layout.Write(filepath.Join(a.dir, name), content, 0o600); err != nil {
			return err
		}
	}
	return network.Ensure(ctx, a.segment)
}

// measure runs k0s until it is ready and returns how long that took from its exec.
func (a alone) measure(ctx context.Context, program, path string) (time.Duration, error) {
	log, err := os.Create(a.log)
	if err != nil {
		return 0, fmt.Errorf("opening the log of k0s: %w", err)
	}
	defer log.Close()
	cmd := isolated(ctx, a.segment.Netns, a.dir, append([]string{program}, a.recipe.args...))
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(slices.Clone(a.recipe.env), "PATH="+path, process.Mark(a.mark))
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("starting k0s: %w", err)
	}
	ended := make(chan struct{})
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		defer close(ended)
		cancel(errors.Join(errors.New("k0s has ended"), cmd.Wait()))
	}()
	defer func() {
		_ = cmd.Process.Kill()
		<-ended
	}()
	if err := a.endpoint().wait(ctx); err != nil {
		return 0, err
	}
	ready := time.Now()
	begun, err := readTime(filepath.Join(a.dir, "started"))
	return ready.Sub(begun), err
}

// endpoint asks with the credentials that k0s makes for its administrator, as soon as they are there.
func (a alone) endpoint() *endpoint {
	return &endpoint{
		host: net.JoinHostPort(a.segment.Address, "6443"),
		kubeconfig: func(context.Context) ([]byte, error) {
			return os.ReadFile(filepath.Join(a.dir, "pki", "admin.conf"))
		},
	}
}

// asInAPod runs a program with a file system like that of a pod: all is read-only but the data directory, /tmp and an
// empty /run, which every k0s of root uses. It also keeps what the programs of k0s make elsewhere away from the host.
// The time of the exec goes into a file.
const asInAPod = `set -e
mount -t proc none /proc
mount -t tmpfs none /run
mount --bind "$0" "$0"
mkdir -p "$0/tmp"
mount -o remount,bind,ro /
mount --bind "$0/tmp" /tmp
date +%s%N >"$0/started"
exec "$@"`

// isolated runs a program as the first process of a pid namespace, as in a pod: killing it ends all others, and it has
// not ended before they have. It is in the network namespace of that name, if there is one.
func isolated(ctx context.Context, netns, dir string, args []string) *exec.Cmd {
	arguments := append([]string{"sh", "-c", asInAPod, dir}, args...)
	if netns != "" {
		arguments = command.InNetns(netns, arguments...)
	}
	cmd := exec.CommandContext(ctx, arguments[0], arguments[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID, Unshareflags: syscall.CLONE_NEWNS}
	return cmd
}

// readTime reads nanoseconds since 1970.
func readTime(file string) (time.Time, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return time.Time{}, fmt.Errorf("reading when k0s was started: %w", err)
	}
	nanoseconds, err := strconv.ParseInt(strings.TrimSpace(string(content)), 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("reading when k0s was started: %w", err)
	}
	return time.Unix(0, nanoseconds), nil
}

// tail is the last lines of a file, or why they cannot be read.
func tail(file string) string {
	content, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	return strings.Join(lines[max(0, len(lines)-lastLines):], "\n")
}

// programPath lets k0s find its components, if it does not carry them, and etcd.
func programPath(p layout.Paths) string {
	dirs := []string{filepath.Dir(p.Bin("etcd", layout.EtcdVersion, "etcd"))}
	for _, component := range slices.Sorted(maps.Values(k0s.Components(p))) {
		dirs = append(dirs, filepath.Dir(component))
	}
	return strings.Join(append(slices.Compact(dirs), os.Getenv("PATH")), ":")
}
