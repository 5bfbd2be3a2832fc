// SPDX-License-Identifier: Apache-2.0

package k0scontract

import (
	"cmp"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"
)

// Paths in user data that say what the bootstrap script does with k0s.
const (
	argumentsPath  = "/etc/k0smotron/k0s-arguments"
	parametersPath = "/etc/k0smotron/parameters"
	configPath     = "/etc/k0s/k0s.yaml"
	joinPath       = "/etc/k0s/join-token"
	unitDir        = "/etc/systemd/system/"
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

// Role is what the machine becomes: worker or controller.
func (u UserData) Role() string { return u.Arguments[len(u.Arguments)-len(u.flags())-1] }

func (u UserData) flags() []string {
	_, flags := splitCommand(u.Arguments)
	return flags
}

// release is a k0s version in a URL or in the name of a file.
var release = regexp.MustCompile(`v1\.\d+\.`)

// Minor is the minor version of the k0s that the machine downloads, as "v1.36"; empty if the user data does not tell.
func (u UserData) Minor() string {
	return strings.TrimSuffix(release.FindString(u.Parameters["download_url"]+" "+u.Parameters["checksums_name"]), ".")
}

// Facts are what this user data relies on.
func (u UserData) Facts() ([]Fact, error) {
	command, flags := splitCommand(u.Arguments)
	facts := []Fact{{KindCommand, command}, {KindUnit, u.Parameters["unit"]}}
	if u.Parameters["ask_k0s"] != "" {
		facts = append(facts, Fact{KindCommand, "status"})
	}
	if file := u.Parameters["joined_file"]; file != "" {
		facts = append(facts, Fact{KindFile, u.belowData(file)})
	}
	for _, flag := range flags {
		facts = append(facts, Fact{KindFlag, command + " " + flagName(flag)})
		facts = append(facts, componentFacts(flag)...)
	}
	for at, file := range u.Files {
		facts = append(facts, u.fileFacts(at, file)...)
	}
	config, isController := u.Files[configPath]
	if !isController {
		return facts, nil
	}
	keys, err := ConfigFacts(KindKey, []byte(config.Content))
	return append(facts, keys...), err
}

// belowData is a path below k0s's data directory; of a worker's, where that does not matter, only the last part.
func (u UserData) belowData(file string) string {
	below, found := strings.CutPrefix(file, path.Dir(u.Parameters["pki_dir"])+"/")
	if !found || u.Parameters["pki_dir"] == "" {
		return path.Base(file)
	}
	return below
}

// fileFacts are those of a file that k0s, or the system manager for k0s, reads.
func (u UserData) fileFacts(at string, file File) []Fact {
	named := func(name string) []Fact {
		return []Fact{{KindFile, fmt.Sprintf("%s %04o %s", name, file.Mode, file.Owner)}}
	}
	pki := u.Parameters["pki_dir"]
	switch {
	case at == joinPath || at == u.Parameters["token_file"] || at == configPath:
		return named(path.Base(at))
	case pki != "" && strings.HasPrefix(at, pki+"/"):
		return named(u.belowData(at))
	case strings.HasPrefix(at, unitDir+u.Parameters["unit"]+".d/"):
		return []Fact{{KindUnit, strings.TrimPrefix(at, unitDir)}}
	}
	return nil
}

func componentFacts(flag string) []Fact {
	list, found := strings.CutPrefix(flag, "--disable-components=")
	if !found {
		return nil
	}
	var facts []Fact
	for component := range strings.SplitSeq(list, ",") {
		facts = append(facts, Fact{KindComponent, component})
	}
	return facts
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
