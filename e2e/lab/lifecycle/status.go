// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/k0smotron/k0smotron/e2e/lab/layout"
	"github.com/k0smotron/k0smotron/e2e/lab/mgmt"
)

// Status tells a person what of the lab runs and where to look.
func (l *Lab) Status(ctx context.Context, out io.Writer) error {
	fmt.Fprintf(out, "API server  %s\nkubeconfig  %s\nlogs        %s\naudit log   %s\n\n",
		layout.APIServerURL, l.Paths.Kubeconfig(), l.Paths.Logs(), l.Paths.AuditLog())
	names, err := l.statusNames()
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "PROGRAM\tSTATE\tPID\tLOG")
	for _, name := range names {
		state, pid := "stopped", "-"
		if id, running := l.programs().PID(name); running {
			state, pid = "running", fmt.Sprint(id)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", name, state, pid, l.programs().LogFile(name))
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("writing status: %w", err)
	}
	pods, err := mgmt.Kubectl(
		ctx,
		l.Paths,
		"get",
		"nodes,deployments,pods",
		"--all-namespaces",
		"-o",
		"wide",
		"--request-timeout=5s",
	)
	if err != nil {
		fmt.Fprintln(out, "\nThe API server does not answer: bring the lab up with `make lab-up`.")
		return nil //nolint:nilerr // a lab that is down is a status, not a failure
	}
	fmt.Fprintf(out, "\n%s", pods)
	return nil
}

// statusNames lists the programs of the cluster, running or not, then all others that were started.
func (l *Lab) statusNames() ([]string, error) {
	var names []string
	for _, spec := range mgmt.Programs(l.Paths) {
		names = append(names, spec.Name)
	}
	started, err := l.programs().Names()
	if err != nil {
		return nil, err
	}
	for _, name := range started {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, nil
}
