// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/k0smotron/k0smotron/e2e/lab/layout"
	"github.com/k0smotron/k0smotron/e2e/lab/machine"
)

// store keeps one file per balancer in a directory.
type store string

func (s store) file(balancer string) string { return filepath.Join(string(s), balancer+".json") }

func (s store) remember(r record) error {
	content, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("recording load balancer %s: %w", r.Name, err)
	}
	file := s.file(r.Name)
	if err := layout.Write(file+".new", content, 0o644); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

func (s store) recall(balancer string) (record, error) {
	var r record
	content, err := os.ReadFile(s.file(balancer))
	if errors.Is(err, fs.ErrNotExist) {
		return r, fmt.Errorf("%w: load balancer %s", machine.ErrNotFound, balancer)
	}
	if err != nil {
		return r, fmt.Errorf("reading load balancer %s: %w", balancer, err)
	}
	if err := json.Unmarshal(content, &r); err != nil {
		return r, fmt.Errorf("reading load balancer %s: %w", balancer, err)
	}
	return r, nil
}

func (s store) forget(balancer string) error {
	if err := os.Remove(s.file(balancer)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forgetting load balancer %s: %w", balancer, err)
	}
	return nil
}

func (s store) records() ([]record, error) {
	files, err := filepath.Glob(s.file("*"))
	if err != nil {
		return nil, fmt.Errorf("listing load balancers: %w", err)
	}
	slices.Sort(files)
	all := make([]record, 0, len(files))
	for _, file := range files {
		r, err := s.recall(strings.TrimSuffix(filepath.Base(file), ".json"))
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

// free is the first address of a pool that no balancer has.
func (s store) free(pool []netip.Addr) (netip.Addr, error) {
	all, err := s.records()
	if err != nil {
		return netip.Addr{}, err
	}
	for _, address := range pool {
		if !slices.ContainsFunc(all, func(r record) bool { return r.Address == address }) {
			return address, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("%w: all %d of load balancers", machine.ErrPoolExhausted, len(pool))
}
