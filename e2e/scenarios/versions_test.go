// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package scenarios

import (
	"errors"
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
	machine := cluster.List(t, "Machine")[0].GetName()
	cluster.Becomes(
		t,
		framework.Condition{Kind: "Machine", Name: machine, Type: "NodeReady", Status: "True"},
		4*time.Minute,
	)

	cluster.Becomes(t, framework.Condition{Kind: "Machine", Name: machine, Type: "UpToDate", Status: "False"}, time.Minute)
	cluster.Becomes(t, framework.Condition{
		Kind: "MachineDeployment", Name: name + "-workers", Type: "MachinesUpToDate", Status: "False",
	}, time.Minute)
	deployment := cluster.Get(t, "MachineDeployment", name+"-workers")
	upToDate, _, err := unstructured.NestedInt64(deployment.Object, "status", "upToDateReplicas")
	assert.NoError(t, err)
	assert.Zero(t, upToDate)
}
