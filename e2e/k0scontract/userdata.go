// SPDX-License-Identifier: Apache-2.0

package k0scontract

import (
	"cmp"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"
)

// Paths in user data that say what the bootstrap script does with k0s.
const (
	argumentsPath  = "/etc/k0smotron/k0s-arguments"
	parametersPath = "/etc/k0smotron/parameters"
)

// cloudConfig is how user data begins.
const cloudConfig = "#cloud-config"

// UserData is a machine's user data as far as k0s is concerned.
type UserData struct {
	// Arguments are those of the one k0s command that the bootstrap script runs.
	Arguments []string
	// Parameters are what the script knows about k0s: its unit, the files that tell progress.
	Parameters map[string]string
	// Files are all files, by path.
	Files map[string]File
}

// File is a file that cloud-init writes.
type File struct {
	Content string
	Mode    fs.FileMode
	Owner   string
}

// ParseUserData reads cloud-config.
func ParseUserData(data []byte) (UserData, error) {
	var config struct {
		WriteFiles []struct {
			Path        string `json:"path"`
			Content     string `json:"content"`
			Permissions string `json:"permissions"`
			Owner       string `json:"owner"`
		} `json:"write_files"`
	}
	if err := yaml.Unmarshal(data, &config); err != nil {
		return UserData{}, fmt.Errorf("reading cloud-config: %w", err)
	}
	parsed := UserData{Files: map[string]File{}, Parameters: map[string]string{}}
	for _, file := range config.WriteFiles {
		mode, err := strconv.ParseUint(file.Permissions, 8, 32)
		if err != nil {
			return UserData{}, fmt.Errorf("reading permissions of %s: %w", file.Path, err)
		}
		owner := cmp.Or(file.Owner, "root:root") // what cloud-init does by itself
		parsed.Files[file.Path] = File{Content: file.Content, Mode: fs.FileMode(mode), Owner: owner}
	}
	arguments, found := parsed.Files[argumentsPath]
	if !found {
		return UserData{}, fmt.Errorf("no %s in user data", argumentsPath)
	}
	parsed.Arguments = strings.Split(strings.TrimRight(arguments.Content, "\n"), "\n")
	for line := range strings.Lines(parsed.Files[parametersPath].Content) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		parsed.Parameters[name] = value
	}
	return parsed, nil
}

// Facts are what this user data relies on.
func (u UserData) Facts() []Fact {
	command, flags := splitCommand(u.Arguments)
	facts := []Fact{
		{KindCommand, command},
		{KindUnit, u.Parameters["unit"]},
		{KindFile, path.Base(u.Parameters["joined_file"])},
	}
	for _, flag := range flags {
		facts = append(facts, Fact{KindFlag, command + " " + flagName(flag)})
	}
	token := u.Parameters["token_file"]
	file := u.Files[token]
	return append(facts, Fact{KindFile, fmt.Sprintf("%s %04o %s", path.Base(token), file.Mode, file.Owner)})
}

// splitCommand parts the words of a command from its flags.
func splitCommand(arguments []string) (command string, flags []string) {
	first := slices.IndexFunc(arguments, func(argument string) bool { return strings.HasPrefix(argument, "-") })
	if first < 0 {
		first = len(arguments)
	}
	return strings.Join(arguments[:first], " "), arguments[first:]
}

func flagName(flag string) string {
	name, _, _ := strings.Cut(flag, "=")
	return name
}
