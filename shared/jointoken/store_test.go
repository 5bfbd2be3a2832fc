// SPDX-License-Identifier: Apache-2.0

package jointoken_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/k0smotron/k0smotron/shared/apply"
	"github.com/k0smotron/k0smotron/shared/jointoken"
	"github.com/k0smotron/k0smotron/shared/testenv"
	"github.com/k0smotron/k0smotron/shared/testenv/faults"
)

const ns = "default"

// world is a store between two API servers; any object serves as config.
type world struct {
	store                jointoken.Store
	management, workload client.WithWatch
	clock                *clocktesting.FakeClock
	config               client.Object
}

func newWorld() world {
	config := testenv.Machine(ns, "worker-1")
	config.UID = "config-uid"
	management := fake.NewClientBuilder().WithScheme(testenv.MustScheme()).WithObjects(config).Build()
	clock := testenv.Clock()
	return world{
		store:      store(management, management, clock),
		management: management,
		workload:   fake.NewClientBuilder().WithScheme(testenv.MustScheme()).Build(),
		clock:      clock,
		config:     config,
	}
}

func store(c client.WithWatch, live client.Reader, clock *clocktesting.FakeClock) jointoken.Store {
	return jointoken.Store{
		Reader: c, Live: live, Management: apply.New(c, "test"), FieldOwner: "test",
		Clock: clock, Random: rand.NewChaCha8([32]byte{1}),
	}
}

func (w world) record(t *testing.T) jointoken.Record {
	t.Helper()
	record, err := w.store.Record(t.Context(), w.config, testenv.ClusterName, jointoken.Worker)
	require.NoError(t, err)
	return record
}

func (w world) tokens(t *testing.T) []corev1.Secret {
	t.Helper()
	list := &corev1.SecretList{}
	require.NoError(t, w.workload.List(t.Context(), list, client.InNamespace(jointoken.Namespace)))
	return list.Items
}

func TestRecordIsMadeOnce(t *testing.T) {
	t.Parallel()
	w := newWorld()
	_, found, err := w.store.Find(t.Context(), w.config)
	require.NoError(t, err)
	require.False(t, found)

	first := w.record(t)
	assert.Equal(t, testenv.Now.Add(15*time.Minute), first.Expires)
	assert.Equal(t, jointoken.Worker, first.Role)
	assert.Equal(t, first, w.record(t), "the second pass finds the first one's token")
	got, found, err := w.store.Find(t.Context(), w.config)
	require.NoError(t, err)
	assert.True(t, found)
	assert.Equal(t, first, got)

	secret := &corev1.Secret{}
	require.NoError(t, w.management.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: "worker-1-token"}, secret))
	assert.True(t, metav1.IsControlledBy(secret, w.config), "the record goes with its config")
	assert.Equal(t, testenv.ClusterName, secret.Labels[clusterv1.ClusterNameLabel], "the cache holds it")
	assert.Empty(t, w.tokens(t), "nothing reaches the workload cluster before the record stands")
}

func TestRecordSurvivesAStaleCache(t *testing.T) {
	t.Parallel()
	w := newWorld()
	first := w.record(t)
	blind := w.store
	blind.Reader = fake.NewClientBuilder().WithScheme(testenv.MustScheme()).Build()

	second, err := blind.Record(t.Context(), w.config, testenv.ClusterName, jointoken.Worker)
	require.NoError(t, err)
	assert.Equal(t, first, second, "the live read finds what the cache does not have yet")

	blind.Live = blind.Reader
	_, err = blind.Record(t.Context(), w.config, testenv.ClusterName, jointoken.Worker)
	require.Error(t, err, "a record that is in the way but cannot be read")
	assert.Contains(t, err.Error(), "appears and disappears")
}

func TestRecordsThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		change func(*corev1.Secret)
		err    string
	}{
		"AnothersSecret": {func(s *corev1.Secret) { s.OwnerReferences = nil }, "is not this object's"},
		"BadToken":       {func(s *corev1.Secret) { s.Data["token-id"] = []byte("X") }, "reading secret worker-1-token"},
		"BadTime":        {func(s *corev1.Secret) { s.Data["expiration"] = []byte("soon") }, "key expiration is not a time"},
		"BadRole":        {func(s *corev1.Secret) { s.Data["role"] = []byte("king") }, "neither worker nor controller"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			record := w.record(t)
			secret := &corev1.Secret{}
			require.NoError(t, w.management.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: "worker-1-token"}, secret))
			tc.change(secret)
			require.NoError(t, w.management.Update(t.Context(), secret))

			_, err := w.store.Record(t.Context(), w.config, testenv.ClusterName, jointoken.Worker)
			require.ErrorContains(t, err, tc.err)
			assert.NotContains(t, err.Error(), record.Token.Secret, "errors become conditions")
		})
	}
}

func TestEnsureIsIdempotent(t *testing.T) {
	t.Parallel()
	w := newWorld()
	record := w.record(t)
	require.NoError(t, w.store.Ensure(t.Context(), w.workload, record))
	first := w.tokens(t)
	require.Len(t, first, 1)
	assert.Equal(t, corev1.SecretTypeBootstrapToken, first[0].Type)
	assert.Equal(t, record.Token.Secret, string(first[0].Data["token-secret"]))

	require.NoError(t, w.store.Ensure(t.Context(), w.workload, record))
	assert.Equal(t, first[0].ResourceVersion, w.tokens(t)[0].ResourceVersion, "nothing changed, nothing written")

	require.NoError(t, w.workload.Delete(t.Context(), &first[0]))
	require.NoError(t, w.store.Ensure(t.Context(), w.workload, record))
	assert.Len(t, w.tokens(t), 1, "a token that was cleaned up comes back, the same one")
}

func TestExtend(t *testing.T) {
	t.Parallel()
	w := newWorld()
	record := w.record(t)
	assert.Equal(t, 7*time.Minute+30*time.Second, w.store.ExtendAfter(record))

	w.clock.Step(7 * time.Minute)
	same, err := w.store.Extend(t.Context(), w.config, testenv.ClusterName, record)
	require.NoError(t, err)
	assert.Equal(t, record, same, "more than half is left")

	w.clock.Step(time.Minute)
	assert.Zero(t, w.store.ExtendAfter(record))
	later, err := w.store.Extend(t.Context(), w.config, testenv.ClusterName, record)
	require.NoError(t, err)
	assert.Equal(t, record.Token, later.Token, "the token stays, the machine has it already")
	assert.Equal(t, testenv.Now.Add(23*time.Minute), later.Expires)
	assert.Equal(t, later, w.record(t), "the record knows")

	require.NoError(t, w.store.Ensure(t.Context(), w.workload, later))
	assert.Equal(t, "2030-01-01T12:23:00Z", string(w.tokens(t)[0].Data["expiration"]))

	w.store.TTL = time.Hour
	w.clock.Step(time.Hour)
	longer, err := w.store.Extend(t.Context(), w.config, testenv.ClusterName, later)
	require.NoError(t, err)
	assert.Equal(t, w.clock.Now().Add(time.Hour), longer.Expires)
}

func TestRevoke(t *testing.T) {
	t.Parallel()
	w := newWorld()
	record := w.record(t)
	require.NoError(t, w.store.Ensure(t.Context(), w.workload, record))
	for range 2 {
		require.NoError(t, w.store.Revoke(t.Context(), w.workload, w.config, record))
		assert.Empty(t, w.tokens(t))
		_, found, err := w.store.Find(t.Context(), w.config)
		require.NoError(t, err)
		assert.False(t, found)
	}
}

// TestInvalidate: the record is the config's, and whoever makes the token valid again is found out.
func TestInvalidate(t *testing.T) {
	t.Parallel()
	w := newWorld()
	record := w.record(t)
	for range 2 {
		require.NoError(t, w.store.Ensure(t.Context(), w.workload, record))
		valid, err := w.store.IsValid(t.Context(), w.workload, record)
		require.NoError(t, err)
		assert.True(t, valid)
		require.NoError(t, w.store.Invalidate(t.Context(), w.workload, record))
		valid, err = w.store.IsValid(t.Context(), w.workload, record)
		require.NoError(t, err)
		assert.False(t, valid)
		_, found, err := w.store.Find(t.Context(), w.config)
		require.NoError(t, err)
		assert.True(t, found)
	}
}

func TestRevokeKeepsTheRecordWhileTheWorkloadClusterIsAway(t *testing.T) {
	t.Parallel()
	w := newWorld()
	record := w.record(t)
	away := interceptor.NewClient(w.workload, interceptor.Funcs{
		Delete: func(context.Context, client.WithWatch, client.Object, ...client.DeleteOption) error {
			return apierrors.NewServiceUnavailable("away")
		},
	})
	err := w.store.Revoke(t.Context(), away, w.config, record)
	require.ErrorContains(t, err, "revoking join token "+record.Token.ID)
	_, found, err := w.store.Find(t.Context(), w.config)
	require.NoError(t, err)
	assert.True(t, found)
}

func TestErrorsOfTheManagementCluster(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.store.Reader = interceptor.NewClient(w.management, interceptor.Funcs{
		Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
			return errors.New("no cache")
		},
	})
	_, err := w.store.Record(t.Context(), w.config, testenv.ClusterName, jointoken.Worker)
	require.ErrorContains(t, err, "getting secret worker-1-token: no cache")

	w = newWorld()
	w.store.Random = io.LimitReader(w.store.Random, 0)
	_, err = w.store.Record(t.Context(), w.config, testenv.ClusterName, jointoken.Worker)
	assert.Error(t, err)
}

// TestFaults plays a machine's life: recorded, made valid, extended, joined, revoked.
func TestFaults(t *testing.T) {
	t.Parallel()
	faults.Run(t, faults.Scenario{
		NewWorld: func(testing.TB) faults.World {
			w := newWorld()
			return faults.World{Management: w.management, Workload: w.workload, Namespace: ns}
		},
		Start: func(_ testing.TB, clients faults.Clients) faults.Pass {
			// Every manager draws other tokens: only the record can make them the same.
			s := store(clients.Management, clients.ManagementLive, testenv.Clock())
			s.Random = rand.NewChaCha8([32]byte{byte(rand.Int())})
			return func(ctx context.Context) error { return live(ctx, s, clients) }
		},
		Kinds:         []client.ObjectList{&corev1.SecretList{}, &clusterv1.MachineList{}},
		WorkloadKinds: []client.ObjectList{&corev1.SecretList{}},
	})
}

// live is one pass over a config whose machine joins as soon as its token is valid.
func live(ctx context.Context, s jointoken.Store, clients faults.Clients) error {
	config := &clusterv1.Machine{}
	if err := clients.Management.Get(ctx, client.ObjectKey{Namespace: ns, Name: "worker-1"}, config); err != nil {
		return err
	}
	joined := config.Annotations["joined"] != ""
	if joined {
		record, found, err := s.Find(ctx, config)
		if err != nil || !found {
			return err
		}
		return s.Revoke(ctx, clients.Workload, config, record)
	}
	record, err := s.Record(ctx, config, testenv.ClusterName, jointoken.Worker)
	if err != nil {
		return err
	}
	if err := s.Ensure(ctx, clients.Workload, record); err != nil {
		return err
	}
	config.Annotations = map[string]string{"joined": "yes"}
	return clients.Management.Update(ctx, config)
}
