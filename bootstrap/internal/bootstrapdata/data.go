// SPDX-License-Identifier: Apache-2.0

package bootstrapdata

import (
	_ "embed"
	"fmt"
	"path"
	"strings"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
)

// Unit is the systemd unit that runs the script at every boot.
const Unit = "k0smotron-bootstrap.service"

//go:embed machine/bootstrap.sh
var script []byte

//go:embed machine/k0smotron-bootstrap.service
var unit []byte

// File is a file on the machine, owned by root.
type File struct {
	// Path is absolute.
	Path string
	// Content is written as it is.
	Content []byte
	// Permissions are octal, such as 0600.
	Permissions string
}

// Data is all that a machine needs to become a node: write Files, then enable
// and start Unit.
type Data struct {
	// Files in the order in which they are written.
	Files []File
	// Unit is the name of the unit to enable and start.
	Unit string
}

// machineFiles are those that every machine gets, whatever its role.
func machineFiles() []File {
	return []File{
		{Path: scriptPath, Content: script, Permissions: executableMode},
		{Path: unitDir + "/" + Unit, Content: unit, Permissions: publicMode},
	}
}

// machineParameters are those that every machine gets, whatever its role.
func machineParameters(install bootstrapv1.InstallSpec) []string {
	return []string{
		"binary=" + binaryPath(install),
		"state_dir=" + stateDir,
		"marker=" + markerPath,
		"sentinel=" + sentinelPath,
		"log=" + logPath,
	}
}

// commandFiles makes each command a script of its own, numbered so that they
// sort into their order.
func commandFiles(directory string, commands []string) []File {
	files := make([]File, 0, len(commands))
	for i, command := range commands {
		files = append(files, File{
			Path:        fmt.Sprintf("%s/%s/%03d.sh", configDir, directory, i+1),
			Content:     []byte(strings.TrimSuffix(command, "\n") + "\n"),
			Permissions: executableMode,
		})
	}
	return files
}

// lineFile is a file with one item per line, for the script to read.
func lineFile(name string, lines []string) (File, error) {
	for _, line := range lines {
		if strings.ContainsAny(line, "\r\n\x00") {
			return File{}, fmt.Errorf("%q must not contain line breaks", line)
		}
	}
	return File{
		Path:        configDir + "/" + name,
		Content:     []byte(strings.Join(lines, "\n") + "\n"),
		Permissions: secretMode,
	}, nil
}

// checkPaths refuses two files at one path, and a file where a directory has to
// be: cloud-init would stop there and leave out all files after it.
func checkPaths(files []File) error {
	seen, below := map[string]bool{}, directories(files)
	for _, file := range files {
		if seen[file.Path] {
			return fmt.Errorf(
				"spec.files: %s is written by k0smotron or the control plane already, choose another path",
				file.Path,
			)
		}
		if child, isDirectory := below[file.Path]; isDirectory {
			return fmt.Errorf(
				"spec.files: %s cannot be a file, it is the directory of %s: choose another path", file.Path, child,
			)
		}
		seen[file.Path] = true
	}
	return nil
}

// directories maps every directory that must exist on the machine to something
// in it.
func directories(files []File) map[string]string {
	below := map[string]string{}
	add := func(name string) {
		for directory := path.Dir(name); directory != "/"; directory = path.Dir(directory) {
			below[directory] = name
		}
	}
	for _, name := range []string{stateDir, markerPath, sentinelPath, permitPath, logPath} {
		add(name)
	}
	for _, file := range files {
		add(file.Path)
	}
	return below
}
