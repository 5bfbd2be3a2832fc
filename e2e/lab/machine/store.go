// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

func (h *Host) path(name string, parts ...string) string {
	return filepath.Join(append([]string{h.config.State, name}, parts...)...)
}

func (h *Host) remember(r record) error {
	content, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("recording machine %s: %w", r.Name, err)
	}
	if err := os.MkdirAll(h.path(r.Name), 0o755); err != nil {
		return fmt.Errorf("recording machine %s: %w", r.Name, err)
	}
	file := h.path(r.Name, "machine.json")
	if err := os.WriteFile(file+".new", content, 0o644); err != nil {
		return fmt.Errorf("recording machine %s: %w", r.Name, err)
	}
	return os.Rename(file+".new", file)
}

func (h *Host) recall(name string) (record, error) {
	content, err := os.ReadFile(h.path(name, "machine.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return record{}, fmt.Errorf("%w: %s", ErrNotFound, name)
	}
	if err != nil {
		return record{}, fmt.Errorf("reading machine %s: %w", name, err)
	}
	var r record
	if err := json.Unmarshal(content, &r); err != nil {
		return record{}, fmt.Errorf("reading machine %s: %w", name, err)
	}
	return r, nil
}

func (h *Host) records() ([]record, error) {
	files, err := filepath.Glob(h.path("*", "machine.json"))
	if err != nil {
		return nil, fmt.Errorf("listing machines: %w", err)
	}
	slices.Sort(files)
	all := make([]record, 0, len(files))
	for _, file := range files {
		r, err := h.recall(filepath.Base(filepath.Dir(file)))
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}
