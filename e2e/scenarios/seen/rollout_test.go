// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package seen

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/e2e/framework"
)

// What a person sees while the only controller is replaced: the new one was made, and is no member yet. It has no power
// any more, so that it stays like that while we look.
func TestRolloutYouSee(t *testing.T) {
	framework.NeedsK0s(t)
	created := lab.CreateOnMachines(t, cluster)
	created.Works(t, 6*time.Minute)
	created.Stable(t, 1, 6*time.Minute)
	before := created.ControllerNames(t)[0]
	created.Replaced(t, cluster+"-controllers-2")
	joiner := made(t, created, before)
	require.NoError(t, lab.Agent.PowerCut(t.Context(), joiner))
	lab.Settled(t, 40*time.Second, 4*time.Minute)

	// Which of the two names comes first is a matter of chance.
	named := strings.NewReplacer(before, cluster+"-x7k2p", joiner, cluster+"-9qd4m")
	shown := func(arguments ...string) string { return named.Replace(lab.Kubectl(t, arguments...)) }
	own := "--selector=cluster.x-k8s.io/control-plane,cluster.x-k8s.io/cluster-name=" + cluster
	const oldest = "--sort-by=.metadata.creationTimestamp"
	compare(t, "controlplane-machines/docs", render(t, "rollout", map[string]string{
		"ControlPlanes": StableTables(shown("get", "k0scontrolplane", cluster, "-o", "wide")),
		"Machines":      StableTables(shown("get", "machine", "-o", "wide", own, oldest)),
		"Configs":       StableTables(shown("get", "k0scontrollerconfig", "-o", "wide", oldest)),
		"ControlPlane":  StableObject(shown("describe", "--show-events=false", "k0scontrolplane", cluster)),
		"Old":           StableObject(shown("describe", "--show-events=false", "machine", before)),
		"New":           StableObject(shown("describe", "--show-events=false", "machine", joiner)),
	}))
}

// made waits until there is another machine of the control plane, which has been started, and returns its name.
func made(t *testing.T, created framework.Cluster, before string) string {
	t.Helper()
	var name string
	framework.Eventually(t, 6*time.Minute, func() error {
		others := slices.DeleteFunc(created.ControllerNames(t), func(name string) bool { return name == before })
		if len(others) == 0 {
			return errors.New("no new Machine was made")
		}
		name = others[0]
		states, err := lab.Agent.List(t.Context())
		if err != nil {
			return err
		}
		for _, state := range states {
			if state.Name == name && state.Running {
				return nil
			}
		}
		return fmt.Errorf("machine %s does not run", name)
	})
	return name
}
