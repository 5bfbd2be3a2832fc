// SPDX-License-Identifier: Apache-2.0

package double_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/cluster-api/controllers/clustercache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k0smotron/k0smotron/controlplane-machines/internal/controlplane"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/k0snode"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/testenv/double"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/phase"
	"github.com/k0smotron/k0smotron/shared/workload"
)

// TestDeathsAreSeen: what the provider judges of a controller that does not work, and of one that works again.
func TestDeathsAreSeen(t *testing.T) {
	tests := map[string]struct {
		die, live func(w *world)
	}{
		"Killed":  {func(w *world) { w.Kill("m3") }, func(w *world) { w.Restart("m3") }},
		"Frozen":  {func(w *world) { w.Freeze("m3") }, func(w *world) { w.Thaw("m3") }},
		"Stopped": {func(w *world) { require.NoError(w.t, w.Stop(w.t.Context(), "m3")) }, func(w *world) { w.Restart("m3") }},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.members(nil, "m1", "m2", "m3")
			test.die(w)
			report := w.judge(6, "m1", "m2", "m3")
			assert.Equal(t, controlplane.Unhealthy, report.States["m3"].Health, report.States["m3"].Message)
			assert.Equal(t, controlplane.Voting, report.States["m3"].Membership)
			assert.True(t, report.States["m1"].IsHealthyVoter())
			assert.True(t, w.Answers())

			test.live(w)
			report = w.judge(4, "m1", "m2", "m3")
			assert.True(t, report.States["m3"].IsHealthyVoter(), report.States["m3"].Message)
			assert.Empty(t, w.Alarms())
		})
	}
}

// TestNothingWorksWithoutAQuorum: nothing is written, and nobody answers, until there is one again.
func TestNothingWorksWithoutAQuorum(t *testing.T) {
	w := newWorld(t)
	w.members(nil, "m1", "m2", "m3")
	w.Kill("m2")
	w.Kill("m3")
	w.turns(1)
	assert.False(t, w.Answers())
	renewed := w.objects().Leases[0].Renewed
	w.turns(2)
	assert.Equal(t, renewed, w.objects().Leases[0].Renewed)
	w.Restart("m2")
	w.turns(2)
	assert.True(t, w.Answers())
	assert.True(t, w.objects().Leases[0].Renewed.After(renewed))
	assert.Empty(t, w.Alarms(), "the test did it")
}

// TestJoinerDies: it leaves a learner behind that nobody sees and that is in the way of others, unless etcd allows more.
func TestJoinerDies(t *testing.T) {
	for name, test := range map[string]struct {
		limit string
		free  bool
	}{
		"OneLearner":  {`{}`, false},
		"FiveAllowed": {`{"spec":{"storage":{"etcd":{"extraArgs":{"max-learners":"5"}}}}}`, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			limit := k0s(test.limit)
			w.members([]alter{limit}, "m1", "m2")
			w.NextJoinerDies()
			w.controller("m3", limit, joins)
			w.turns(3)
			assert.Equal(t, []string{"m1", "m2"}, w.Voters())
			assert.Equal(t, 1, w.Learners())
			assert.Nil(t, w.etcdMember("m3"))
			w.Restart("m3")
			w.turns(2)
			assert.Nil(t, w.etcdMember("m3"), "it is never resumed")

			w.controller("m4", limit, joins)
			w.turns(3)
			assert.Equal(t, test.free, w.etcdMember("m4") != nil)
			w.RemoveMember("m3")
			w.turns(2)
			assert.Equal(t, []string{"m1", "m2", "m4"}, w.Voters())
		})
	}
}

// TestKilledBeforeItJoined: it starts again and joins.
func TestKilledBeforeItJoined(t *testing.T) {
	w := newWorld(t)
	w.Hold(double.Joining)
	w.controller("m1")
	w.turns(1)
	w.Kill("m1")
	w.Release(double.Joining)
	w.turns(2)
	assert.Nil(t, w.etcdMember("m1"))
	w.Thaw("m1")
	w.turns(1)
	assert.Nil(t, w.etcdMember("m1"), "there was nothing to thaw")
	w.Restart("m1")
	w.turns(1)
	assert.NotNil(t, w.etcdMember("m1"))
}

// TestMemberRemovedByHand: the leader tells that it is gone.
func TestMemberRemovedByHand(t *testing.T) {
	w := newWorld(t)
	w.members(nil, "m1", "m2", "m3")
	w.RemoveMember("m3")
	w.turns(1)
	assert.Equal(t, k0snode.JoinedFalse, w.etcdMember("m3").Joined)
	w.Restart("m3")
	w.turns(2)
	assert.Equal(t, []string{"m1", "m2"}, w.Voters(), "its data are of a member that is gone")
}

// TestAlarms: what the provider must never do is told.
func TestAlarms(t *testing.T) {
	t.Run("SecondFirst", func(t *testing.T) {
		w := newWorld(t)
		w.members(nil, "m1")
		w.controller("m2")
		w.turns(2)
		require.Len(t, w.Alarms(), 1)
		assert.Contains(t, w.Alarms()[0], "second cluster")
		assert.Equal(t, []string{"m1"}, w.Voters())
	})
	t.Run("QuorumLost", func(t *testing.T) {
		w := newWorld(t)
		w.members(nil, "m1", "m2")
		w.unhook("m2", contract.LeaveHookAnnotation)
		require.NoError(t, env.Client.Delete(t.Context(), w.machine("m2")))
		w.turns(2)
		require.Len(t, w.Alarms(), 1)
		assert.Contains(t, w.Alarms()[0], "machine m2 was terminated, and etcd has lost its quorum")
	})
	t.Run("ClusterDeleted", func(t *testing.T) {
		w := newWorld(t)
		w.members(nil, "m1", "m2")
		require.NoError(t, env.Client.Delete(t.Context(), w.cluster))
		w.unhook("m2", contract.LeaveHookAnnotation)
		require.NoError(t, env.Client.Delete(t.Context(), w.machine("m2")))
		w.turns(2)
		assert.Empty(t, w.Alarms())
	})
}

// TestClusters: the access of the reconciler follows what answers.
func TestClusters(t *testing.T) {
	w := newWorld(t)
	key := client.ObjectKeyFromObject(w.cluster)
	clusters := double.NewClusters(w.Double)
	watcher := clustercache.NewWatcher(clustercache.WatcherOptions{Name: "nodes", Kind: &corev1.Node{}})
	refused := func() {
		t.Helper()
		var wait *phase.WaitError
		_, err := clusters.Client(t.Context(), key)
		require.ErrorAs(t, err, &wait)
		assert.Equal(t, workload.NotConnected, wait.Reason)
		require.ErrorAs(t, clusters.Watch(t.Context(), key, watcher), &wait)
	}
	refused()
	w.members(nil, "m1")
	connected, err := clusters.Live(t.Context(), key)
	require.NoError(t, err)
	assert.NotNil(t, connected)
	require.NoError(t, clusters.Watch(t.Context(), key, watcher))
	assert.Equal(t, []string{"nodes"}, clusters.Watches(key))

	w.Disconnect()
	refused()
	w.turns(1)
	w.Connect()
	_, err = clusters.Client(t.Context(), key)
	require.NoError(t, err)
	assert.Nil(t, clusters.Of(client.ObjectKey{Name: "other"}))
	_, err = clusters.Client(t.Context(), client.ObjectKey{Name: "other"})
	require.Error(t, err)
}

// TestEmpty: nothing of one test is seen by the next.
func TestEmpty(t *testing.T) {
	w := newWorld(t)
	w.members(nil, "m1")
	require.NotEmpty(t, w.leases())
	server.Empty(t)
	assert.Empty(t, w.objects().Members)
	assert.Empty(t, w.objects().ControlNodes)
	assert.Empty(t, w.leases())
}
