// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	"github.com/k0smotron/k0smotron/shared/conditions"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

// health sets conditions of a controller: "+" is True, "-" False, "?" Unknown; what is not listed is absent.
func health(apiServer, k0s, etcd string) func(*clusterv1.Machine) {
	return func(machine *clusterv1.Machine) {
		for condition, status := range map[string]string{
			contract.APIServerHealthyCondition:     apiServer,
			contract.K0sControllerHealthyCondition: k0s,
			contract.EtcdMemberHealthyCondition:    etcd,
		} {
			switch status {
			case "+":
				conditions.True(machine, condition, "Test", "")
			case "-":
				conditions.False(machine, condition, "Test", "")
			case "?":
				conditions.Unknown(machine, condition, "Test", "")
			}
		}
	}
}

func TestControllerHealth(t *testing.T) {
	t.Parallel()
	deleted := func(machine *clusterv1.Machine) { machine.DeletionTimestamp = &metav1.Time{Time: testenv.Now} }
	held := func(machine *clusterv1.Machine) {
		machine.Annotations = map[string]string{contract.LeaveHookAnnotation: ""}
	}
	node := func(machine *clusterv1.Machine) { machine.Status.NodeRef.Name = "n" }
	for name, test := range map[string]struct {
		overrides                []func(*clusterv1.Machine)
		healthy, leaving, joined bool
	}{
		"Nothing":         {},
		"All":             {overrides: []func(*clusterv1.Machine){health("+", "+", "+")}, healthy: true, joined: true},
		"WithoutEtcd":     {overrides: []func(*clusterv1.Machine){health("+", "+", "")}, healthy: true, joined: true},
		"NoAPI":           {overrides: []func(*clusterv1.Machine){health("-", "+", "+")}, joined: true},
		"APIUnknown":      {overrides: []func(*clusterv1.Machine){health("?", "+", "+")}, joined: true},
		"APIUnreported":   {overrides: []func(*clusterv1.Machine){health("", "+", "+")}, joined: true},
		"NoLease":         {overrides: []func(*clusterv1.Machine){health("+", "-", "+")}},
		"LeaseUnreported": {overrides: []func(*clusterv1.Machine){health("+", "", "+")}},
		"Learner":         {overrides: []func(*clusterv1.Machine){health("+", "+", "-")}},
		"EtcdUnknown":     {overrides: []func(*clusterv1.Machine){health("+", "+", "?")}},
		"Deleted":         {overrides: []func(*clusterv1.Machine){health("+", "+", "+"), deleted}, joined: true},
		"Held":            {overrides: []func(*clusterv1.Machine){health("+", "+", "+"), held}, healthy: true, joined: true},
		"DeletedAndHeld": {
			overrides: []func(*clusterv1.Machine){health("+", "+", "+"), deleted, held}, leaving: true, joined: true,
		},
		"DeletedAndSick": {overrides: []func(*clusterv1.Machine){health("-", "-", "-"), deleted, held}},
		"Node":           {overrides: []func(*clusterv1.Machine){node}, joined: true},
		"NodeAndNoLease": {overrides: []func(*clusterv1.Machine){health("-", "-", "-"), node}, joined: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			machine := testenv.Machine(ns, "tiger-a", test.overrides...)
			assert.Equal(t, test.healthy, contract.IsHealthyMember(machine))
			assert.Equal(t, test.leaving, contract.IsLeavingMember(machine))
			assert.Equal(t, test.joined, contract.HasJoined(machine))
		})
	}
}

func TestIsControlPlaneMachine(t *testing.T) {
	t.Parallel()
	machine := testenv.Machine(ns, "tiger-a")
	assert.False(t, contract.IsControlPlaneMachine(machine))
	for _, value := range []string{"", "true"} {
		machine.Labels[clusterv1.MachineControlPlaneLabel] = value
		assert.True(t, contract.IsControlPlaneMachine(machine), "the value does not matter")
	}
}

func TestNamesOfControllers(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 63)
	assert.Equal(t, long+"-k0s-init", contract.InitLockName(long), "it is never cut")
	assert.Equal(t, "k0smotron.io/etcd-member", contract.WasMemberAnnotation)
	assert.Equal(t, "k0smotron.io/join-token-revoked", contract.JoinRevokedAnnotation)
	assert.Equal(t, "k0smotron.io/left-over-members", contract.LeftOverMembersAnnotation)
	assert.Equal(t, "pre-terminate.delete.hook.machine.cluster.x-k8s.io/k0smotron-leave", contract.LeaveHookAnnotation)
}
