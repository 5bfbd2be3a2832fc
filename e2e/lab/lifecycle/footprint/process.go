// SPDX-License-Identifier: Apache-2.0

package footprint

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/k0smotron/k0smotron/e2e/lab/process"
)

// Variable names the variable that .ci/run gives to everything it starts.
const Variable = "K0SMOTRON_CHECKS"

// stat is what of /proc/<pid>/stat is needed.
type stat struct{ state, parent string }

// processes reads all processes but zombies, which hold nothing and wait for their parent alone.
func processes() ([]Process, error) {
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, fmt.Errorf("listing processes: %w", err)
	}
	stats := map[string]stat{}
	for _, file := range files {
		if content, err := os.ReadFile(file); err == nil { // it fails for a process that has just ended
			stats[filepath.Base(filepath.Dir(file))] = parseStat(string(content))
		}
	}
	kin := ancestors(strconv.Itoa(os.Getpid()), stats)
	var all []Process
	for pid, s := range stats {
		if s.state != "Z" {
			program := readProcess("/proc/" + pid)
			program.Kin = slices.Contains(kin, pid)
			all = append(all, program)
		}
	}
	slices.SortFunc(all, func(a, b Process) int { return strings.Compare(a.PID, b.PID) })
	return all, nil
}

// parseStat reads the state and the parent, which follow the program's name in parentheses, which may contain anything.
func parseStat(content string) stat {
	_, rest, _ := cutLast(content, ") ")
	fields := strings.Fields(rest)
	if len(fields) < 2 {
		return stat{}
	}
	return stat{state: fields[0], parent: fields[1]}
}

func cutLast(text, separator string) (before, after string, found bool) {
	at := strings.LastIndex(text, separator)
	if at < 0 {
		return text, "", false
	}
	return text[:at], text[at+len(separator):], true
}

// ancestors is a process, its parent, the parent of that and so on.
func ancestors(pid string, stats map[string]stat) []string {
	var line []string
	for pid != "" && pid != "0" && !slices.Contains(line, pid) {
		line = append(line, pid)
		pid = stats[pid].parent
	}
	return line
}

func readProcess(dir string) Process {
	p := Process{PID: filepath.Base(dir)}
	cmdline, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
	p.Args = strings.FieldsFunc(string(cmdline), func(r rune) bool { return r == 0 })
	environ, _ := os.ReadFile(filepath.Join(dir, "environ"))
	p.Marks = marks(environ)
	cgroup, _ := os.ReadFile(filepath.Join(dir, "cgroup"))
	p.Cgroups = parseCgroups(string(cgroup))
	for _, use := range []Use{
		{"program", "exe"}, {"working directory", "cwd"}, {"root", "root"}, {"output", "fd/1"}, {"error output", "fd/2"},
	} {
		if target, err := os.Readlink(filepath.Join(dir, use.Path)); err == nil {
			p.Uses = append(p.Uses, Use{use.As, target})
		}
	}
	return p
}

func marks(environ []byte) []string {
	var found []string
	for variable := range bytes.SplitSeq(environ, []byte{0}) {
		text := string(variable)
		if strings.HasPrefix(text, process.Mark("")) || strings.HasPrefix(text, Variable+"=") {
			found = append(found, text)
		}
	}
	return found
}

// parseCgroups reads lines "<number>:<controllers>:<path>".
func parseCgroups(content string) []string {
	var groups []string
	for line := range strings.Lines(content) {
		if parts := strings.SplitN(strings.TrimSpace(line), ":", 3); len(parts) == 3 {
			groups = append(groups, parts[2])
		}
	}
	return groups
}
