// SPDX-License-Identifier: Apache-2.0

package controllerconfig

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/shared/conditions"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/k0sconfig"
	"github.com/k0smotron/k0smotron/shared/phase"
)

// memberHealthy finds the member through which the machine joins: the oldest healthy one. A member that is about to fail
// would leave a joiner half in; one that is not seen as healthy is not asked. The cache says when it is worth to look, and
// the API server, since bootstrap data are about to be made, who it is. Where the state of the cluster lies outside of its
// controllers, one that finds no other takes it up again.
func (r *Reconciler) memberHealthy(ctx context.Context, s *scope) (phase.Outcome, error) {
	if s.DataSecret != nil {
		return phase.Continue(), nil
	}
	needed := healthOf(s.document)
	for _, reader := range []client.Reader{r.Client, r.Live} {
		others, err := otherControllers(ctx, reader, s)
		if err != nil {
			return phase.Continue(), err
		}
		if len(others) == 0 && !s.needsToken() {
			continue
		}
		member := memberToJoin(others, needed)
		if member < 0 {
			return phase.Wait(bootstrapv1.WaitingForMemberReason, awaited(others, needed), 0), nil
		}
		s.joinURL = joinURL(&others[member], s.Cluster, k0sconfig.JoinPort(s.document))
	}
	return phase.Continue(), nil
}

// memberToJoin is the first Machine that is healthy, or, where none is, the first that is healthy as long as it is held
// back from its deletion; negative when there is neither.
func memberToJoin(others []clusterv1.Machine, needed []string) int {
	for _, fits := range []func(*clusterv1.Machine) bool{contract.IsHealthyMember, contract.IsLeavingMember} {
		member := slices.IndexFunc(others, func(machine clusterv1.Machine) bool {
			return fits(&machine) && len(unhealthy(&machine, needed)) == 0
		})
		if member >= 0 {
			return member
		}
	}
	return -1
}

// otherControllers are the Machines of the cluster's other controllers, oldest first.
func otherControllers(ctx context.Context, from client.Reader, s *scope) ([]clusterv1.Machine, error) {
	list := &clusterv1.MachineList{}
	ofCluster := client.MatchingLabels{clusterv1.ClusterNameLabel: s.Cluster.Name}
	err := from.List(ctx, list, client.InNamespace(s.Machine.Namespace), ofCluster,
		client.HasLabels{clusterv1.MachineControlPlaneLabel})
	if err != nil {
		return nil, fmt.Errorf("listing Machines of controllers: %w", err)
	}
	others := slices.DeleteFunc(list.Items, func(machine clusterv1.Machine) bool { return machine.UID == s.Machine.UID })
	slices.SortFunc(others, func(a, b clusterv1.Machine) int {
		if order := a.CreationTimestamp.Compare(b.CreationTimestamp.Time); order != 0 {
			return order
		}
		return strings.Compare(a.Name, b.Name)
	})
	return others, nil
}

// healthOf are the conditions that a member of such a cluster must have.
func healthOf(document map[string]any) []string {
	needed := []string{contract.APIServerHealthyCondition, contract.K0sControllerHealthyCondition}
	if k0sconfig.ManagesEtcd(document) {
		needed = append(needed, contract.EtcdMemberHealthyCondition)
	}
	return needed
}

// unhealthy are the needed conditions that are not True.
func unhealthy(machine *clusterv1.Machine, needed []string) []string {
	return slices.DeleteFunc(slices.Clone(needed), func(condition string) bool {
		return conditions.IsTrue(machine, condition)
	})
}

// awaited says which Machines are not what is needed, and why.
func awaited(others []clusterv1.Machine, needed []string) string {
	const text = "waiting for a healthy controller to join"
	if len(others) == 0 {
		return text + ": the Cluster has no other Machine of a controller"
	}
	reasons := make([]string, 0, len(others))
	for i := range others {
		reasons = append(reasons, "Machine "+others[i].Name+" "+lacking(&others[i], needed))
	}
	return text + ": " + strings.Join(reasons, "; ")
}

func lacking(machine *clusterv1.Machine, needed []string) string {
	if !machine.DeletionTimestamp.IsZero() {
		return "is being deleted"
	}
	lacks := unhealthy(machine, needed)
	for i, condition := range lacks {
		status := metav1.ConditionUnknown
		if reported := conditions.Get(machine, condition); reported != nil {
			status = reported.Status
		}
		lacks[i] = condition + "=" + string(status)
	}
	return "has " + strings.Join(lacks, ", ")
}

// joinURL leads to the k0s API of the member. Members reach each other at their internal addresses anyway, and the
// member's certificate names them; the endpoint of the Cluster, which may be a load balancer without that port, is used
// only when no address is known.
func joinURL(member *clusterv1.Machine, cluster *clusterv1.Cluster, port int) string {
	host := cluster.Spec.ControlPlaneEndpoint.Host
	for _, address := range member.Status.Addresses {
		if address.Type == clusterv1.MachineInternalIP {
			host = address.Address
			break
		}
	}
	return "https://" + net.JoinHostPort(host, strconv.Itoa(port))
}
