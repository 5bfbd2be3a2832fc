// SPDX-License-Identifier: Apache-2.0

// Package cloudinit encodes bootstrap data as a cloud-config. cloud-init only
// writes the files and starts one unit; all work and all retries are the
// unit's, because cloud-init runs user data once and goes on after a failure.
package cloudinit

import (
	"encoding/base64"
	"fmt"

	"sigs.k8s.io/yaml"

	"github.com/k0smotron/k0smotron/bootstrap/internal/bootstrapdata"
)

// Format is what Cluster API calls this encoding.
const Format = "cloud-config"

// header is how cloud-init recognises a cloud-config. There is no Jinja marker
// on purpose: files and commands reach the machine as they were written.
const header = "#cloud-config\n"

type writeFile struct {
	Path        string `json:"path"`
	Permissions string `json:"permissions"`
	Encoding    string `json:"encoding,omitempty"`
	Content     string `json:"content"`
}

type writeFiles struct {
	WriteFiles []writeFile `json:"write_files"`
}

type runCommands struct {
	RunCmd [][]string `json:"runcmd"`
}

// Encode returns the user data. Equal data gives equal bytes.
func Encode(data bootstrapdata.Data) ([]byte, error) {
	files := writeFiles{WriteFiles: make([]writeFile, 0, len(data.Files))}
	for _, file := range data.Files {
		files.WriteFiles = append(files.WriteFiles, encodeFile(file))
	}
	first, err := yaml.Marshal(files)
	if err != nil {
		return nil, fmt.Errorf("encoding files: %w", err)
	}
	second, err := yaml.Marshal(runCommands{RunCmd: [][]string{{"systemctl", "enable", "--now", data.Unit}}})
	if err != nil {
		return nil, fmt.Errorf("encoding commands: %w", err)
	}
	return append(append([]byte(header), first...), second...), nil
}

func encodeFile(file bootstrapdata.File) writeFile {
	encoded := writeFile{Path: file.Path, Permissions: file.Permissions, Content: string(file.Content)}
	if !isPlain(file.Content) {
		encoded.Encoding = "b64"
		encoded.Content = base64.StdEncoding.EncodeToString(file.Content)
	}
	return encoded
}

// isPlain tells whether every YAML parser reads the content alike when it is
// written as text: printable ASCII and line feeds, beginning with neither.
func isPlain(content []byte) bool {
	for i, b := range content {
		if b == '\n' && i > 0 || b == '\t' && i > 0 {
			continue
		}
		if b < ' ' || b > '~' || b == ' ' && i == 0 {
			return false
		}
	}
	return true
}
