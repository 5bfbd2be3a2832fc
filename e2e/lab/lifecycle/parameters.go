// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/k0smotron/k0smotron/e2e/lab/layout"
	"github.com/k0smotron/k0smotron/e2e/lab/lifecycle/footprint"
)

// parametersDir is where the kernel shows its parameters as files.
const parametersDir = "/proc/sys"

// formerParameters keeps what the parameters were that a kubelet changes, which are the whole machine's.
func (l *Lab) formerParameters() string {
	return filepath.Join(l.Paths.State, "former-parameters.json")
}

// rememberParameters keeps the kernel parameters of a machine on which the lab has not run yet.
func (l *Lab) rememberParameters() error {
	if _, err := os.Stat(l.formerParameters()); err == nil {
		return nil
	}
	values, err := readParameters(parametersDir, footprint.KubeletParameters())
	if err != nil {
		return err
	}
	content, err := json.Marshal(values)
	if err != nil {
		return fmt.Errorf("keeping kernel parameters: %w", err)
	}
	return layout.Write(l.formerParameters(), content, 0o644)
}

// restoreParameters puts the kernel parameters back to what they were before the lab.
func (l *Lab) restoreParameters() error {
	content, err := os.ReadFile(l.formerParameters())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading former kernel parameters: %w", err)
	}
	var values map[string]string
	if err := json.Unmarshal(content, &values); err != nil {
		return fmt.Errorf("reading former kernel parameters: %w", err)
	}
	return writeParameters(parametersDir, values)
}

func readParameters(dir string, names []string) (map[string]string, error) {
	values := map[string]string{}
	for _, name := range names {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if errors.Is(err, os.ErrNotExist) {
			continue // this kernel was built without it
		}
		if err != nil {
			return nil, fmt.Errorf("reading kernel parameter: %w", err)
		}
		values[name] = string(content)
	}
	return values, nil
}

// writeParameters leaves alone what is as it should be: not every machine lets root set every parameter.
func writeParameters(dir string, values map[string]string) error {
	for name, value := range values {
		file := filepath.Join(dir, name)
		if content, err := os.ReadFile(file); err == nil && string(content) == value {
			continue
		}
		if err := os.WriteFile(file, []byte(value), 0o644); err != nil {
			return fmt.Errorf("setting kernel parameter: %w", err)
		}
	}
	return nil
}
