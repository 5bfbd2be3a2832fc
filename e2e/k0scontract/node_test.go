// SPDX-License-Identifier: Apache-2.0

//go:build k0scontract

package k0scontract

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/k0smotron/k0smotron/e2e/lab/k0s"
	"github.com/k0smotron/k0smotron/e2e/lab/layout"
)

//go:embed node.sh
var nodeScript string

// node is a host of its own: network, file systems, processes and name are not those of this machine.
type node struct {
	folder string
	pid    int
}

// passwd knows the users of the k0s image, so that k0s gives files and processes to them.
const passwd = `root:x:0:0:root:/root:/bin/sh
etcd:x:901:0::/var/lib/k0s:/bin/false
kube-apiserver:x:902:0::/var/lib/k0s:/bin/false
kube-scheduler:x:903:0::/var/lib/k0s:/bin/false
konnectivity-server:x:904:0::/var/lib/k0s:/bin/false
`

// address is the node's own; external stands for the address of a load balancer, which nobody needs to reach here.
const (
	address  = "10.99.0.2"
	external = "10.211.0.200"
)

// newNode makes a node that knows hosts by their addresses. Another node's network is shared when beside is given.
func newNode(t *testing.T, name string, hosts map[string]string, beside *node) *node {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("this test makes namespaces and mounts and must run as root")
	}
	n := &node{folder: t.TempDir()}
	for _, dir := range []string{"etc/systemd/system", "bin", "data"} {
		require.NoError(t, os.MkdirAll(filepath.Join(n.folder, dir), 0o755))
	}
	// Users of the node must be able to reach its folder's content through the mounts, not through the path.
	n.write(t, "etc/passwd", passwd, 0o644)
	known := "127.0.0.1 localhost\n" + address + " " + name + "\n"
	for host, at := range hosts {
		known += at + " " + host + "\n"
	}
	n.write(t, "etc/hosts", known, 0o644)
	n.installPrograms(t)

	arguments := []string{
		"--mount",
		"--uts",
		"--pid",
		"--fork",
		"--kill-child",
		"--mount-proc",
		"--",
		"sh",
		"-c",
		nodeScript,
		"node.sh",
		n.folder,
		name,
		address,
	}
	command := exec.Command("unshare", append([]string{"--net"}, arguments...)...)
	if beside != nil {
		target := []string{"--target", strconv.Itoa(beside.pid), "--net", "--", "unshare"}
		command = exec.Command("nsenter", append(target, arguments...)...)
	}
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	require.NoError(t, command.Start())
	t.Cleanup(func() { _ = command.Process.Kill(); _ = command.Wait() })
	require.Eventually(t, func() bool {
		return n.findPID(command.Process.Pid) && n.run(t.Context(), "test", "-e", "/run/prepared") == nil
	},
		20*time.Second, 50*time.Millisecond, "preparing the node: %s", &output)
	return n
}

// findPID looks for the first process of the node, the child of unshare.
func (n *node) findPID(parent int) bool {
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", parent, parent))
	if err != nil {
		return false
	}
	fields := strings.Fields(string(children))
	if len(fields) != 1 {
		return false
	}
	n.pid, err = strconv.Atoi(fields[0])
	return err == nil
}

func (n *node) write(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	full := filepath.Join(n.folder, path)
	require.NoError(t, os.MkdirAll(filepath.Dir(full), 0o755))
	require.NoError(t, os.WriteFile(full, []byte(content), mode))
	require.NoError(t, os.Chmod(full, mode))
}

// installPrograms puts k0s and what it runs into the node's /usr/local/bin, and a systemctl that only notes its calls.
func (n *node) installPrograms(t *testing.T) {
	t.Helper()
	paths, err := layout.Default(repoRoot(t))
	require.NoError(t, err)
	binary := testedK0s(t, paths)
	programs := k0s.Components(paths)
	programs["k0s"] = binary.Path
	programs["etcd"] = paths.Bin("etcd", layout.EtcdVersion, "etcd")
	for name, source := range programs {
		require.FileExists(t, source, "what k0s runs is missing; build it with: make programs")
		target := filepath.Join(n.folder, "bin", name)
		if err := os.Link(source, target); err != nil {
			content, err := os.ReadFile(source)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(target, content, 0o755))
		}
	}
	n.write(t, "bin/systemctl", "#!/bin/sh\necho \"$@\" >>/run/systemctl.log\n", 0o755)
}

func (n *node) command(ctx context.Context, arguments ...string) *exec.Cmd {
	enter := []string{"--target", strconv.Itoa(n.pid), "--net", "--mount", "--uts", "--pid", "--"}
	command := exec.CommandContext(ctx, "nsenter", append(enter, arguments...)...)
	command.Env = []string{"PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	command.Dir = "/"
	return command
}

func (n *node) run(ctx context.Context, arguments ...string) error {
	output, err := n.command(ctx, arguments...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(arguments, " "), err, output)
	}
	return nil
}

// exitCode runs a command that only has to look at its input, and tells its exit code and what it printed.
func (n *node) exitCode(t *testing.T, arguments ...string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	output, err := n.command(ctx, arguments...).CombinedOutput()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0, string(output)
	case errors.As(err, &exit):
		return exit.ExitCode(), string(output)
	default:
		t.Fatalf("running %v: %v", arguments, err)
		return 0, ""
	}
}

// service is a program that runs on a node until it is stopped.
type service struct {
	node    *node
	name    string
	command *exec.Cmd
	output  *os.File
	ended   chan error
}

// start runs a program in the background, under the restrictions given as a prefix of the command.
func (n *node) start(t *testing.T, name string, arguments ...string) *service {
	t.Helper()
	output, err := os.CreateTemp(t.TempDir(), name)
	require.NoError(t, err)
	script := "echo $$ >/run/" + name + ".node.pid; exec \"$@\""
	command := n.command(context.WithoutCancel(t.Context()), append([]string{"sh", "-c", script, "sh"}, arguments...)...)
	command.Stdout, command.Stderr = output, output
	require.NoError(t, command.Start())
	s := &service{node: n, name: name, command: command, output: output, ended: make(chan error, 1)}
	go func() { s.ended <- command.Wait() }()
	t.Cleanup(func() {
		// When a case stops the program, nsenter stops itself, too, and only a signal of ours wakes it: while it
		// stands, its dead child keeps the node from ending. A process that has ended is no error here.
		_ = command.Process.Kill()
		if t.Failed() {
			t.Logf("last output of %s:\n%s", name, s.tail())
		}
	})
	return s
}

// stop asks the program to end and returns its exit code.
func (s *service) stop(t *testing.T) int {
	t.Helper()
	require.NoError(t, s.node.run(t.Context(), "sh", "-c", "kill -TERM $(cat /run/"+s.name+".node.pid)"))
	select {
	case err := <-s.ended:
		if exit, failed := errors.AsType[*exec.ExitError](err); failed {
			return exit.ExitCode()
		}
		require.NoError(t, err)
		return 0
	case <-time.After(time.Minute):
		t.Fatalf("%s did not stop within a minute", s.name)
		return 0
	}
}

func (s *service) tail() string {
	const most = 6000
	content, err := os.ReadFile(s.output.Name())
	if err != nil {
		return err.Error()
	}
	return string(content[max(0, len(content)-most):])
}

// dial opens a connection inside of the node's network.
func (n *node) dial(ctx context.Context, network, address string) (net.Conn, error) {
	type result struct {
		connection net.Conn
		err        error
	}
	done := make(chan result, 1)
	go func() {
		// The thread is given up with the goroutine: it must not return to others in a foreign network.
		runtime.LockOSThread()
		namespace, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", n.pid))
		if err == nil {
			defer namespace.Close()
			err = unix.Setns(int(namespace.Fd()), unix.CLONE_NEWNET)
		}
		if err != nil {
			done <- result{err: fmt.Errorf("entering the node's network: %w", err)}
			return
		}
		// An address without a name is dialled by this thread alone.
		connection, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, network, address)
		done <- result{connection, err}
	}()
	r := <-done
	return r.connection, r.err
}

// read is the content of a file of the node.
func (n *node) read(t *testing.T, path string) string {
	t.Helper()
	var out bytes.Buffer
	command := n.command(t.Context(), "cat", path)
	command.Stdout, command.Stderr = &out, io.Discard
	require.NoError(t, command.Run(), "reading %s", path)
	return out.String()
}

func repoRoot(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	return root
}
