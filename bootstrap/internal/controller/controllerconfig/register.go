// SPDX-License-Identifier: Apache-2.0

package controllerconfig

import (
	"context"
	"fmt"
	"reflect"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/bootstrap/internal/controller/machineconfig"
	"github.com/k0smotron/k0smotron/shared/conditions"
	"github.com/k0smotron/k0smotron/shared/contract"
	"github.com/k0smotron/k0smotron/shared/pki"
)

// Kind is the kind that the controller serves.
const Kind = "K0sControllerConfig"

// controllersOf stands, in the index of wakers, for all Machines with controllers of a cluster together.
const controllersOf = "ControllersOf"

// The lock is a ConfigMap that is created and dropped; only its owner is ever changed.
//
// +kubebuilder:rbac:groups=bootstrap.cluster.x-k8s.io,resources=k0scontrollerconfigs,verbs=get;list;watch
// +kubebuilder:rbac:groups=bootstrap.cluster.x-k8s.io,resources=k0scontrollerconfigs/status,verbs=patch
// +kubebuilder:rbac:groups=bootstrap.cluster.x-k8s.io,resources=k0scontrollerconfigs/finalizers,verbs=update
// +kubebuilder:rbac:groups=cluster.x-k8s.io,resources=clusters;machines,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups="",resources=configmaps,verbs=get;list;watch;create;patch;delete

// SetupWithManager starts the controller. Besides configs it watches what they wait for: Machines (their own, and the
// health of the cluster's other controllers), Clusters, Secrets and ConfigMaps with a cluster's name, and the connections
// to workload clusters.
func (r *Reconciler) SetupWithManager(
	ctx context.Context, mgr ctrl.Manager, connections machineconfig.Connections, options controller.Options,
) error {
	watches := r.watches()
	controllers, err := watches.Builder(ctx, mgr, connections)
	if err != nil {
		return err
	}
	err = controllers.
		Watches(&clusterv1.Machine{}, handler.EnqueueRequestsFromMapFunc(configsOfOthers(watches)),
			builder.WithPredicates(predicate.NewPredicateFuncs(isController), memberChanged())).
		WithOptions(options).
		Complete(r)
	if err != nil {
		return fmt.Errorf("setting up the controller of %s: %w", Kind, err)
	}
	return nil
}

func (r *Reconciler) watches() machineconfig.Watches {
	return machineconfig.Watches{
		Kind:        Kind,
		Controller:  "k0scontrollerconfig",
		Object:      &bootstrapv1.K0sControllerConfig{},
		NewList:     func() client.ObjectList { return &bootstrapv1.K0sControllerConfigList{} },
		WakersOf:    wakersOf,
		Reader:      r.Client,
		WatchFilter: r.WatchFilter,
	}
}

// wakersOf are the values of the index. A config with bootstrap data follows its Cluster and the certificates; the others
// also wait for the lock, for other controllers, and for the sources of files.
func wakersOf(object client.Object) []string {
	config, ok := object.(*bootstrapv1.K0sControllerConfig)
	if !ok {
		return nil
	}
	cluster := config.Labels[clusterv1.ClusterNameLabel]
	values := []string{machineconfig.Waker("Cluster", cluster)}
	for _, purpose := range pki.Purposes() {
		values = append(values, machineconfig.Waker("Secret", purpose.SecretName(cluster)))
	}
	if config.Status.DataSecretName != "" {
		return values
	}
	return append(append(values, machineconfig.FileWakers(config.Spec.Files)...),
		machineconfig.Waker("ConfigMap", contract.InitLockName(cluster)),
		machineconfig.Waker(controllersOf, cluster),
	)
}

// configsOfOthers finds the configs that wait for a healthy controller, or for the end of the one that holds the lock.
func configsOfOthers(watches machineconfig.Watches) handler.MapFunc {
	return func(ctx context.Context, object client.Object) []ctrl.Request {
		cluster := object.GetLabels()[clusterv1.ClusterNameLabel]
		return watches.Configs(ctx, object.GetNamespace(), machineconfig.Waker(controllersOf, cluster))
	}
}

func isController(object client.Object) bool {
	machine, ok := object.(*clusterv1.Machine)
	return ok && contract.IsControlPlaneMachine(machine)
}

// memberChanged spares the many updates of a Machine's status that change nothing for others. That a controller is gone
// matters to those who wait for the lock.
func memberChanged() predicate.Funcs {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, okBefore := e.ObjectOld.(*clusterv1.Machine)
		after, okAfter := e.ObjectNew.(*clusterv1.Machine)
		return okBefore && okAfter && !reflect.DeepEqual(member(before), member(after))
	}}
}

// memberFacts are what others wait for.
type memberFacts struct {
	health    map[string]metav1.ConditionStatus
	deleted   bool
	addresses clusterv1.MachineAddresses
}

func member(machine *clusterv1.Machine) memberFacts {
	health := map[string]metav1.ConditionStatus{}
	for _, condition := range []string{
		contract.APIServerHealthyCondition, contract.EtcdMemberHealthyCondition, contract.K0sControllerHealthyCondition,
	} {
		if reported := conditions.Get(machine, condition); reported != nil {
			health[condition] = reported.Status
		}
	}
	return memberFacts{
		health: health, deleted: !machine.DeletionTimestamp.IsZero(), addresses: machine.Status.Addresses,
	}
}
