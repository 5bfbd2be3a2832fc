// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/k0smotron/k0smotron/shared/apply"
	"github.com/k0smotron/k0smotron/shared/conditions"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

const ns = "default"

func key(name string) client.ObjectKey { return client.ObjectKey{Namespace: ns, Name: name} }

func newWorld(testing.TB) World {
	scheme := testenv.MustScheme()
	management := fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(&clusterv1.Cluster{}).
		WithObjects(testenv.Cluster(ns)).Build()
	return World{Management: management, Namespace: ns, Workload: fake.NewClientBuilder().WithScheme(scheme).Build()}
}

// scenario is a small controller of the shape ours have: an intent recorded first, a token made in the workload cluster,
// a child applied, the status reported.
func scenario(reconcile func(context.Context, Clients) error) Scenario {
	return Scenario{
		NewWorld: newWorld,
		Start: func(_ testing.TB, clients Clients) Pass {
			return func(ctx context.Context) error { return reconcile(ctx, clients) }
		},
		Kinds:         []client.ObjectList{&clusterv1.ClusterList{}, &corev1.SecretList{}, &corev1.ConfigMapList{}},
		WorkloadKinds: []client.ObjectList{&corev1.SecretList{}},
	}
}

// careful is a reconciler that survives every fault.
func careful(ctx context.Context, clients Clients) error {
	cluster := &clusterv1.Cluster{}
	if err := clients.Management.Get(ctx, key(testenv.ClusterName), cluster); err != nil {
		return err
	}
	before := cluster.DeepCopy()
	writer := apply.New(clients.Management, "test")
	err := writer.Create(ctx, cluster, testenv.Secret(ns, "token", map[string]string{"id": "abc"}))
	if err != nil && !errors.Is(err, apply.ErrExists) {
		return err
	}
	recorded := &corev1.Secret{}
	if err := clients.ManagementLive.Get(ctx, key("token"), recorded); err != nil {
		return err
	}
	token := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "token-" + string(recorded.Data["id"])}}
	if err := apply.New(clients.Workload, "test").Apply(ctx, nil, token); err != nil {
		return err
	}
	config := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "config"}}
	if err := writer.Apply(ctx, cluster, config); err != nil {
		return err
	}
	conditions.True(cluster, "Ready", "Ready", "")
	return writer.PatchStatus(ctx, before, cluster)
}

func TestCarefulControllerSurvivesEveryFault(t *testing.T) {
	t.Parallel()
	Run(t, scenario(careful))
}

// findings runs every fault and returns the names of those that the scenario does not survive.
func findings(t *testing.T, s Scenario) []string {
	t.Helper()
	calm := s.run(t, plan{})
	require.Empty(t, calm.problem)
	var found []string
	for _, p := range calm.plans() {
		if s.compare(t, p, calm) != "" {
			found = append(found, p.name(calm))
		}
	}
	return found
}

// TestCarelessControllersAreFound has one classic mistake per case: a harness that does not find them is worth nothing.
func TestCarelessControllersAreFound(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		reason    string
		reconcile func(ctx context.Context, clients Clients) error
		want      string
	}{
		"TokenBeforeRecord": {
			reason: "the second manager does not know of the first token and makes another",
			reconcile: func(ctx context.Context, clients Clients) error {
				record := &corev1.Secret{}
				err := clients.Management.Get(ctx, key("record"), record)
				if !apierrors.IsNotFound(err) {
					return err
				}
				token := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, GenerateName: "token-"}}
				if err := clients.Workload.Create(ctx, token); err != nil {
					return err
				}
				return clients.Management.Create(ctx, testenv.Secret(ns, "record", map[string]string{"id": "x"}))
			},
			want: "KillAfter/01 create Secret token-* in workload",
		},
		"MarkerBeforeWork": {
			reason: "the marker says done although the work is not",
			reconcile: func(ctx context.Context, clients Clients) error {
				marker := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "marker"}}
				err := clients.Management.Create(ctx, marker)
				if apierrors.IsAlreadyExists(err) {
					return nil
				}
				if err != nil {
					return err
				}
				return clients.Management.Create(ctx, testenv.Secret(ns, "work", nil))
			},
			want: "FailWrite/02 create Secret work",
		},
		"TrustsTheCache": {
			reason: "a stale cache hides the object, and a second one is made",
			reconcile: func(ctx context.Context, clients Clients) error {
				list := &corev1.SecretList{}
				if err := clients.Management.List(ctx, list, client.InNamespace(ns)); err != nil {
					return err
				}
				if len(list.Items) > 0 {
					return nil
				}
				return clients.Management.Create(ctx,
					&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, GenerateName: "machine-"}})
			},
			want: "StaleRead/02 list *v1.SecretList",
		},
		"SwallowsErrors": {
			reason: "a failed write that nobody repeats",
			reconcile: func() func(ctx context.Context, clients Clients) error {
				return func(ctx context.Context, clients Clients) error {
					cluster := &clusterv1.Cluster{}
					if err := clients.Management.Get(ctx, key(testenv.ClusterName), cluster); err != nil {
						return err
					}
					if cluster.Annotations["seen"] != "" {
						return nil
					}
					cluster.Annotations = map[string]string{"seen": "yes"}
					if err := clients.Management.Update(ctx, cluster); err != nil {
						return err
					}
					_ = clients.Management.Create(ctx, testenv.Secret(ns, "work", nil))
					return nil
				}
			}(),
			want: "FailWrite/02 create Secret work",
		},
		"NeverSettlesAfterAFault": {
			reason: "an object that is in the way for ever",
			reconcile: func(ctx context.Context, clients Clients) error {
				done := &corev1.ConfigMap{}
				if err := clients.Management.Get(ctx, key("done"), done); err == nil {
					return nil
				}
				if err := clients.Management.Create(ctx, testenv.Secret(ns, "step", nil)); err != nil {
					return err
				}
				return clients.Management.Create(ctx,
					&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "done"}})
			},
			want: "KillBefore/02 create ConfigMap done",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Contains(t, findings(t, scenario(tc.reconcile)), tc.want, tc.reason)
		})
	}
}

func TestUndisturbedRunMustSettle(t *testing.T) {
	t.Parallel()
	s := scenario(func(context.Context, Clients) error { return errors.New("never") })
	s.MaxPasses = 3
	assert.Equal(t, "not settled after 3 passes; the last pass answered: never", s.run(t, plan{}).problem)
}

func TestAdvanceMovesTheWorld(t *testing.T) {
	t.Parallel()
	s := scenario(careful)
	moved := 0
	s.Advance = func(ctx context.Context, world World) error {
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "outside"}}
		err := world.Management.Create(ctx, secret)
		if err == nil {
			moved++
		}
		return client.IgnoreAlreadyExists(err)
	}
	calm := s.run(t, plan{})
	require.Empty(t, calm.problem)
	assert.Equal(t, 1, moved)
	assert.Contains(t, calm.objects, "name: outside")
	assert.NotContains(t, strings.Join(calm.writes, "\n"), "outside", "the outside world's writes are not disturbed")

	s.Advance = func(context.Context, World) error { return errors.New("broken world") }
	assert.Contains(t, s.run(t, plan{}).problem, "broken world")
}

func TestNormalise(t *testing.T) {
	t.Parallel()
	n := 0
	s := scenario(func(ctx context.Context, clients Clients) error {
		n++
		err := clients.Management.Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "random"}, Data: map[string][]byte{"key": {byte(n)}},
		})
		return client.IgnoreAlreadyExists(err)
	})
	assert.NotEmpty(t, findings(t, s), "random data differs from run to run")
	s.Normalise = func(object *unstructured.Unstructured) { delete(object.Object, "data") }
	assert.Empty(t, findings(t, s))
}

func TestKilledManagerDoesNothingMore(t *testing.T) {
	t.Parallel()
	for _, mode := range []Mode{KillBefore, KillAfter} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			killedDoesNothingMore(t, mode)
		})
	}
}

func killedDoesNothingMore(t *testing.T, mode Mode) {
	t.Helper()
	inject := newInjector(plan{mode: mode, call: 1})
	clients := inject.clients(newWorld(t))
	create := func() error { return clients.Management.Create(t.Context(), testenv.Secret(ns, "s", nil)) }
	get := func(r client.Reader) error { return r.Get(t.Context(), key("s"), &corev1.Secret{}) }

	require.ErrorIs(t, create(), errKilled)
	require.ErrorIs(t, create(), errKilled)
	require.ErrorIs(t, get(clients.Management), errKilled)
	require.ErrorIs(t, get(clients.ManagementLive), errKilled)
	require.ErrorIs(t, clients.Management.List(t.Context(), &corev1.SecretList{}), errKilled)
	require.ErrorIs(t, clients.WorkloadLive.List(t.Context(), &corev1.SecretList{}), errKilled)

	inject.revive()
	if err := get(clients.ManagementLive); mode == KillAfter {
		require.NoError(t, err, "the write was done")
		return
	}
	require.NoError(t, create(), "the write was not done")
}
