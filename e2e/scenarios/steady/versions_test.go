// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package steady

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/k0smotron/k0smotron/e2e/framework"
)

// Cluster API compares a Machine's version letter by letter with what the kubelet reports, which for k0s has no build
// number. This pins its present answer to a version with one, so that we notice when that changes; the documentation
// tells users to write the form without.
func TestMachineVersionWithBuildNumber(t *testing.T) {
	const name = "build"
	cluster := lab.Create(t, name, framework.Replace(t,
		"version: v1.36.3+k0s\n      bootstrap:", "version: v1.36.3+k0s.2\n      bootstrap:"))
	framework.Eventually(t, 5*time.Minute, func() error {
		if len(cluster.List(t, "Machine")) == 0 {
			return errors.New("there is no Machine yet")
		}
		return nil
	})
	machine := framework.Condition{Kind: "Machine", Name: cluster.Machine(t)}
	deployment := framework.Condition{Kind: "MachineDeployment", Name: name + "-workers"}
	for _, want := range []struct {
		of           framework.Condition
		kind, status string
		within       time.Duration
	}{
		{machine, "NodeReady", "True", 5 * time.Minute},
		{machine, "UpToDate", "False", time.Minute},
		{deployment, "MachinesUpToDate", "False", time.Minute},
		{deployment, "RollingOut", "True", time.Minute},
	} {
		want.of.Type, want.of.Status = want.kind, want.status
		cluster.Becomes(t, want.of, want.within)
	}
	framework.Eventually(t, time.Minute, func() error { // The MachineSet counts first.
		status := cluster.Get(t, deployment.Kind, deployment.Name)
		upToDate, _, err := unstructured.NestedInt64(status.Object, "status", "upToDateReplicas")
		if err == nil && upToDate != 0 {
			err = fmt.Errorf("%d replicas are up to date", upToDate)
		}
		return err
	})
	// Nothing is replaced for it: the Machine is the one that was made first.
	assert.Equal(t, machine.Name, cluster.Machine(t))
}
