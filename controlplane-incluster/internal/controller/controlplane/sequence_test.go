// SPDX-License-Identifier: Apache-2.0

package controlplane_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-incluster/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/desired"
	"github.com/k0smotron/k0smotron/shared/pki"
)

// event is something that happens to a control plane that is up.
type event struct {
	name string
	do   func(w *world, n int)
}

func events() []event {
	return []event{
		{"UserChangesFlags", func(w *world, n int) {
			w.change(func(c *controlplanev1.K0smotronControlPlane) {
				c.Spec.ControlPlaneFlags = []string{fmt.Sprintf("--logging=kubelet=%d", n)}
			})
		}},
		{"UserChangesNodeLocal", func(w *world, n int) {
			w.change(k0sConfig(fmt.Sprintf(`{"spec":{"api":{"extraArgs":{"v":"%d"}}}}`, n)))
		}},
		{"UserChangesClusterWide", func(w *world, n int) {
			w.change(k0sConfig(fmt.Sprintf(`{"spec":{"scheduler":{"extraArgs":{"v":"%d"}}}}`, n)))
		}},
		{"UserUpgrades", func(w *world, n int) {
			w.change(func(c *controlplanev1.K0smotronControlPlane) { c.Spec.Version = fmt.Sprintf("v1.36.%d+k0s.0", 4+n) })
		}},
		{"PodIsLost", func(w *world, _ int) { w.runPods(w.podSetName(), 0) }},
		{"EtcdIsLost", func(w *world, _ int) { w.runPods(w.etcdSetName(), 0) }},
		{"ProviderIsUpgraded", func(w *world, n int) {
			w.reconciler = newReconciler(env.Client, w.clock, w.hosted)
			w.reconciler.Renderer = desired.Renderer{PlacerImage: fmt.Sprintf("registry.example.org/manager:v0.%d.0", n)}
		}},
		{"TimePasses", func(w *world, _ int) { w.step(pki.LeafLife / 5) }},
		{"SecretIsLost", func(w *world, n int) {
			name := []string{"etcd-server", "apiserver-etcd-client", "kubeconfig", "k0s-join", "k0s-config"}[n%5]
			require.NoError(w.t, env.Client.Delete(w.t.Context(), w.secret(name)))
		}},
	}
}

// TestSequences lets many things happen in any order. Whatever it was: once everybody has done their part the control
// plane is available again, runs what was asked for last, is at rest, and its CAs and its endpoint are those of the
// beginning.
func TestSequences(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		t.Run(fmt.Sprintf("Seed%d", seed), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t).available()
			before := w.identityOfCluster()
			chance := rand.New(rand.NewPCG(seed, seed))
			var story []string
			for n := range 10 {
				happens := events()[chance.IntN(len(events()))]
				story = append(story, happens.name)
				happens.do(w, n)
				if chance.IntN(2) == 0 {
					w.reconcile()
				}
			}
			w.settle()
			assert.Equal(t, before, w.identityOfCluster(), "%v", story)
			w.is(controlplanev1.AvailableCondition, metav1.ConditionTrue)
			w.is(controlplanev1.ConfigurationAppliedCondition, metav1.ConditionTrue)
			w.is(controlplanev1.RollingOutCondition, metav1.ConditionFalse)
			assert.Equal(t, w.controlPlane.Spec.Version, w.controlPlane.Status.Version, "%v", story)
			versions := w.versions()
			w.reconcile()
			assert.Equal(t, versions, w.versions(), "%v", story)
		})
	}
}

// settle is everybody doing their part until nothing changes any more.
func (w *world) settle() {
	w.t.Helper()
	for range 6 {
		w.reconcile()
		w.runPods(w.etcdSetName(), 1)
		w.runPods(w.podSetName(), 1)
	}
	w.reconcile()
	w.reconcile()
}

// identityOfCluster is what must never change.
func (w *world) identityOfCluster() map[string]string {
	w.t.Helper()
	identity := map[string]string{"endpoint": fmt.Sprint(w.controlPlane.Spec.ControlPlaneEndpoint)}
	for _, purpose := range pki.Purposes() {
		identity[string(purpose)] = string(w.secret(string(purpose)).Data[pki.CertKey])
	}
	return identity
}
