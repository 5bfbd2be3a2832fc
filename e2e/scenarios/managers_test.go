// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package scenarios

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/e2e/framework"
)

// Managers that die again and again while a cluster comes up and goes leave no orphan, no second token and no second CA.
func TestManagersDie(t *testing.T) {
	for _, manager := range []string{framework.ControlPlaneManager, framework.BootstrapManager} {
		t.Run(manager, func(t *testing.T) {
			name := "die-" + manager[len("k0smotron-"):][:4]
			cluster := lab.Create(t, name)
			var first string
			framework.KillManager(t, manager)
			framework.Eventually(t, 3*time.Minute, func() error {
				first = lab.Kubectl(t, "get", "secret", name+"-ca", "--ignore-not-found", "-o", "jsonpath={.data}")
				if first == "" {
					return errors.New("the cluster has no CA yet")
				}
				return nil
			})
			// The kubelet waits longer before each start, so the deaths spread over the whole creation.
			for range 3 {
				framework.KillManager(t, manager)
				time.Sleep(3 * time.Second)
			}
			cluster.Works(t, 8*time.Minute)
			assert.Equal(t, first, lab.Kubectl(t, "get", "secret", name+"-ca", "-o", "jsonpath={.data}"), "the CA")
			assert.Len(t, cluster.List(t, "Machine"), 1)
			assert.Empty(t, tokens(t, name), "tokens of machines that have joined")

			lab.Kubectl(t, "delete", "cluster", name, "--wait=false")
			time.Sleep(2 * time.Second)
			framework.KillManager(t, manager)
			require.NoError(t, cluster.Delete(t.Context()))
			assertNothingLeft(t, name)
		})
	}
}
