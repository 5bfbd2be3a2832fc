// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util"
	"sigs.k8s.io/cluster-api/util/annotations"
	"sigs.k8s.io/cluster-api/util/patch"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	infrav1 "github.com/k0smotron/k0smotron/e2e/infra/api/v1beta2"
	"github.com/k0smotron/k0smotron/e2e/lab/machine"
)

// lookAfter is how often the host is asked whether a machine still runs: it tells nobody by itself.
const lookAfter = 10 * time.Second

// Machines is the host, as far as the provider is concerned. Its errors are those of package machine.
type Machines interface {
	Ensure(ctx context.Context, spec machine.Spec) (machine.State, error)
	Get(ctx context.Context, name string) (machine.State, error)
	Destroy(ctx context.Context, name string) error
}

// MachineReconciler reconciles LabMachines.
type MachineReconciler struct {
	Client client.Client
	// Secrets reads bootstrap data, past the cache: each is read once.
	Secrets client.Reader
	Host    Machines
}

// SetupWithManager makes mgr call the reconciler for LabMachines and whenever their Machine or Cluster changes.
func (r *MachineReconciler) SetupWithManager(mgr ctrl.Manager) error {
	kind := infrav1.GroupVersion.WithKind("LabMachine")
	ofCluster, err := util.ClusterToTypedObjectsMapper(mgr.GetClient(), &infrav1.LabMachineList{}, mgr.GetScheme())
	if err != nil {
		return fmt.Errorf("mapping Clusters to LabMachines: %w", err)
	}
	err = ctrl.NewControllerManagedBy(mgr).
		For(&infrav1.LabMachine{}).
		Watches(&clusterv1.Machine{}, handler.EnqueueRequestsFromMapFunc(util.MachineToInfrastructureMapFunc(kind))).
		Watches(&clusterv1.Cluster{}, handler.EnqueueRequestsFromMapFunc(ofCluster)).
		Complete(r)
	if err != nil {
		return fmt.Errorf("setting up the controller of LabMachines: %w", err)
	}
	return nil
}

// scope is what one pass knows.
type scope struct {
	labMachine *infrav1.LabMachine
	machine    *clusterv1.Machine
	cluster    *clusterv1.Cluster
}

// Reconcile brings one machine closer to being there, or being gone.
//
//  1. gather: the LabMachine, its Machine and their Cluster; a paused one is left alone
//  2. act: destroy, or wait, or make the machine
//  3. report: one patch, also after an error
func (r *MachineReconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	s, err := r.gather(ctx, request)
	if err != nil || s == nil {
		return ctrl.Result{}, err
	}
	patcher, err := patch.NewHelper(s.labMachine, r.Client)
	if err != nil {
		return ctrl.Result{}, fmt.Errorf("preparing the status: %w", err)
	}
	result, err := r.act(ctx, s)
	if err != nil {
		markNotReady(s.labMachine, infrav1.HostErrorReason, err.Error())
	}
	return result, join(err, patcher.Patch(ctx, s.labMachine))
}

// gather returns nil if there is nothing to do.
func (r *MachineReconciler) gather(ctx context.Context, request ctrl.Request) (*scope, error) {
	s := &scope{labMachine: &infrav1.LabMachine{}}
	if err := r.Client.Get(ctx, request.NamespacedName, s.labMachine); err != nil {
		return nil, client.IgnoreNotFound(err)
	}
	var err error
	if s.machine, err = util.GetOwnerMachine(ctx, r.Client, s.labMachine.ObjectMeta); client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("getting the Machine: %w", err)
	}
	name := s.labMachine.Labels[clusterv1.ClusterNameLabel]
	if name == "" {
		return s, nil
	}
	s.cluster, err = util.GetClusterByName(ctx, r.Client, s.labMachine.Namespace, name)
	if client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("getting the Cluster: %w", err)
	}
	if s.cluster != nil && annotations.IsPaused(s.cluster, s.labMachine) {
		return nil, nil //nolint:nilnil // nothing to do is no failure
	}
	return s, nil
}

func (r *MachineReconciler) act(ctx context.Context, s *scope) (ctrl.Result, error) {
	if !s.labMachine.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, r.destroy(ctx, s.labMachine)
	}
	if controllerutil.AddFinalizer(s.labMachine, infrav1.MachineFinalizer) {
		return ctrl.Result{}, nil // it is stored before there is anything to destroy; the change brings the next pass
	}
	if s.labMachine.Spec.ProviderID != "" {
		return r.look(ctx, s.labMachine)
	}
	if reason, message := awaited(s); reason != "" {
		markNotReady(s.labMachine, reason, message)
		return ctrl.Result{}, nil
	}
	return ctrl.Result{RequeueAfter: lookAfter}, r.make(ctx, s)
}

// awaited tells what must be there before the machine, if anything.
func awaited(s *scope) (reason, message string) {
	switch {
	case s.machine == nil:
		return infrav1.WaitingForMachineReason, "no Machine owns this LabMachine yet"
	case s.cluster == nil:
		return infrav1.WaitingForClusterReason, "the Cluster of the Machine does not exist"
	case s.cluster.Status.Initialization.InfrastructureProvisioned == nil ||
		!*s.cluster.Status.Initialization.InfrastructureProvisioned:
		return infrav1.WaitingForClusterReason, "waiting for the infrastructure of the Cluster"
	case s.machine.Spec.Bootstrap.DataSecretName == nil:
		return infrav1.WaitingForBootstrapDataReason, "waiting for the bootstrap data of the Machine"
	}
	return "", ""
}

func (r *MachineReconciler) make(ctx context.Context, s *scope) error {
	secret := &corev1.Secret{}
	key := client.ObjectKey{Namespace: s.machine.Namespace, Name: *s.machine.Spec.Bootstrap.DataSecretName}
	if err := r.Secrets.Get(ctx, key, secret); err != nil {
		return fmt.Errorf("getting the bootstrap data: %w", err)
	}
	if format := string(secret.Data["format"]); format != "" && format != "cloud-config" {
		return fmt.Errorf("reading the bootstrap data: format is %q, machines of the lab take cloud-config", format)
	}
	_, isControlPlane := s.machine.Labels[clusterv1.MachineControlPlaneLabel]
	state, err := r.Host.Ensure(ctx, machine.Spec{
		Name: s.labMachine.Name, Owner: owner(s.labMachine), UserData: secret.Data["value"], ControlPlane: isControlPlane,
	})
	if err != nil {
		return err
	}
	s.labMachine.Status.FailureDomain = s.machine.Spec.FailureDomain
	s.labMachine.Spec.ProviderID = infrav1.ProviderIDPrefix + s.labMachine.Name
	report(s.labMachine, state)
	return nil
}

// owner tells the machines of different LabMachines apart: one of the same name may have lived before.
func owner(labMachine *infrav1.LabMachine) string {
	return labMachine.Namespace + "/" + labMachine.Name + "/" + string(labMachine.UID)
}

func (r *MachineReconciler) look(ctx context.Context, labMachine *infrav1.LabMachine) (ctrl.Result, error) {
	state, err := r.Host.Get(ctx, labMachine.Name)
	if errors.Is(err, machine.ErrNotFound) {
		markNotReady(
			labMachine,
			infrav1.GoneReason,
			"the host has no such machine any more; delete the Machine to replace it",
		)
		return ctrl.Result{RequeueAfter: lookAfter}, nil
	}
	if err != nil {
		return ctrl.Result{}, err
	}
	report(labMachine, state)
	return ctrl.Result{RequeueAfter: lookAfter}, nil
}

// report writes down what a cloud would tell of a machine.
func report(labMachine *infrav1.LabMachine, state machine.State) {
	labMachine.Status.Initialization.Provisioned = new(true)
	labMachine.Status.Addresses = []clusterv1.MachineAddress{
		{Type: clusterv1.MachineHostName, Address: state.Name},
		{Type: clusterv1.MachineInternalIP, Address: state.Address.String()},
	}
	if !state.Running {
		markNotReady(labMachine, infrav1.NotRunningReason, "the machine is switched off")
		return
	}
	markReady(labMachine)
}

func (r *MachineReconciler) destroy(ctx context.Context, labMachine *infrav1.LabMachine) error {
	markNotReady(labMachine, infrav1.DeletingReason, "destroying the machine")
	state, err := r.Host.Get(ctx, labMachine.Name)
	switch {
	case errors.Is(err, machine.ErrNotFound) || (err == nil && state.Owner != owner(labMachine)):
		// Never made, gone already, or somebody else's of the same name.
	case err != nil:
		return err
	default:
		if err := r.Host.Destroy(ctx, labMachine.Name); err != nil {
			return err
		}
	}
	controllerutil.RemoveFinalizer(labMachine, infrav1.MachineFinalizer)
	return nil
}
