// SPDX-License-Identifier: Apache-2.0

package observation

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/controlplane"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/desired"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/k0snode"
	"github.com/k0smotron/k0smotron/shared/conditions"
)

// machines are the Machines, oldest first, and then what is half-made, by name.
func (o Objects) machines() []controlplane.Machine {
	var machines []controlplane.Machine
	made := map[string]bool{}
	for _, machine := range o.Machines {
		made[machine.Name] = true
		machines = append(machines, o.machine(machine))
	}
	var rest []string
	for _, config := range o.Configs {
		rest = append(rest, config.Name)
	}
	for _, object := range o.Infrastructure {
		rest = append(rest, object.GetName())
	}
	slices.Sort(rest)
	for _, name := range slices.Compact(rest) {
		if !made[name] {
			machines = append(machines, o.halfMade(name))
		}
	}
	return machines
}

func (o Objects) machine(machine *clusterv1.Machine) controlplane.Machine {
	_, marked := machine.Annotations[clusterv1.DeleteMachineAnnotation]
	outdated, err := o.outdated(machine)
	if err != nil {
		outdated = nil // What is asked for cannot be told; nothing is replaced for that.
	}
	made := controlplane.Machine{
		Name:          machine.Name,
		Parts:         controlplane.Parts{Machine: true},
		Created:       machine.CreationTimestamp.Time,
		DeletingSince: timeOf(machine.DeletionTimestamp),
		FailureDomain: machine.Spec.FailureDomain,
		DeleteMark:    marked,
		Outdated:      outdated,
		Data:          o.data(machine),
		WasMember:     wasMember(machine),
	}
	o.addParts(&made)
	o.addVerdict(&made)
	return made
}

// addParts tells what is behind a name.
func (o Objects) addParts(machine *controlplane.Machine) {
	machine.Parts.Infrastructure = o.infrastructure(machine.Name) != nil
	if config := o.config(machine.Name); config != nil {
		machine.Parts.Config = true
		machine.Role = roleOf(config)
	}
}

func roleOf(config *bootstrapv1.K0sControllerConfig) controlplane.Role {
	if config.Spec.Role == bootstrapv1.ControllerRoleFirst {
		return controlplane.First
	}
	return controlplane.Joining
}

// addVerdict tells what is known about the controller of a Machine, as far as something may be decided on it.
func (o Objects) addVerdict(machine *controlplane.Machine) {
	state, judged := o.Report.States[machine.Name]
	if !judged {
		state = unjudged(machine.Data)
	}
	machine.Membership, machine.Health, machine.HealthMessage = state.Membership, state.Health, state.Message
	switch {
	case !state.Current:
		machine.Health = controlplane.HealthUnknown
	case state.Leaving && machine.Health == controlplane.Healthy:
		machine.Health, machine.HealthMessage = controlplane.Unhealthy, leavingMessage
	}
}

const leavingMessage = "was asked to leave etcd"

// unjudged is a controller that nobody has looked at.
func unjudged(data controlplane.Data) k0snode.State {
	if data.Written {
		return k0snode.State{Membership: controlplane.Unknown, Health: controlplane.HealthUnknown}
	}
	return k0snode.State{Membership: controlplane.NotMember, Health: controlplane.HealthUnknown}
}

// data is what is known about the bootstrap data of a Machine. Infrastructure is provisioned after it has taken them.
func (o Objects) data(machine *clusterv1.Machine) controlplane.Data {
	data := controlplane.Data{Written: machine.Spec.Bootstrap.DataSecretName != nil}
	if config := o.config(machine.Name); config != nil && config.Status.DataSecretName != "" {
		data.Written = true
	}
	if provisioned := machine.Status.Initialization.InfrastructureProvisioned; provisioned != nil && *provisioned {
		data.Written, data.Consumed = true, o.runsSince(machine)
	}
	return data
}

// runsSince is since when infrastructure runs with its bootstrap data: by InfrastructureReady, which starts anew when
// infrastructure fails later, and by the phase, which does not. The earlier one counts. Until Cluster API has told either,
// it is now: a time that is too early would end a Machine.
func (o Objects) runsSince(machine *clusterv1.Machine) time.Time {
	told := []time.Time{o.Now}
	if ready := conditions.Get(machine, clusterv1.MachineInfrastructureReadyCondition); ready != nil &&
		ready.Status == metav1.ConditionTrue {
		told = append(told, ready.LastTransitionTime.Time)
	}
	switch machine.Status.GetTypedPhase() {
	case clusterv1.MachinePhaseProvisioned, clusterv1.MachinePhaseRunning:
		told = append(told, machine.Status.LastUpdated.Time)
	default:
	}
	told = slices.DeleteFunc(told, time.Time.IsZero)
	return slices.MinFunc(told, time.Time.Compare)
}

// halfMade is what exists of a name without its Machine. It is being deleted when all of it is.
func (o Objects) halfMade(name string) controlplane.Machine {
	made := controlplane.Machine{Name: name, Membership: controlplane.NotMember, Health: controlplane.HealthUnknown}
	o.addParts(&made)
	var since []time.Time
	if config := o.config(name); config != nil {
		made.Created = config.CreationTimestamp.Time
		since = append(since, timeOf(config.DeletionTimestamp))
	}
	if object := o.infrastructure(name); object != nil {
		created := object.GetCreationTimestamp()
		made.Created = created.Time
		since = append(since, timeOf(object.GetDeletionTimestamp()))
	}
	if !slices.ContainsFunc(since, time.Time.IsZero) {
		made.DeletingSince = slices.MaxFunc(since, time.Time.Compare)
	}
	made.Outdated = o.halfMadeOutdated(name)
	return made
}

// halfMadeOutdated tells whether what was made is what would be made now.
func (o Objects) halfMadeOutdated(name string) []string {
	machine := &clusterv1.Machine{}
	machine.Name = name
	machine.Spec.Version = o.ControlPlane.Spec.Version
	config := o.config(name)
	if config != nil {
		machine.Spec.Version = config.Spec.Version
	}
	outdated, err := o.outdated(machine)
	if err != nil {
		return nil
	}
	if config != nil && !o.isAsMadeNow(config) {
		outdated = append(outdated, "its config was made from other settings")
	}
	return outdated
}

// isAsMadeNow compares a config with what it would be. What cannot be made now differs in nothing.
func (o Objects) isAsMadeNow(config *bootstrapv1.K0sControllerConfig) bool {
	configuration, err := desired.NewConfiguration(o.facts(), o.MaxLearners)
	if err != nil {
		return true
	}
	wanted, err := desired.ControllerConfig(o.facts(), config.Name, config.Spec.Role, configuration)
	if err != nil {
		return true
	}
	has, errHas := desired.InputsHash(config.Spec.K0sConfigSpec)
	wish, errWish := desired.InputsHash(wanted.Spec.K0sConfigSpec)
	return errHas != nil || errWish != nil || has == wish
}

func timeOf(stamp *metav1.Time) time.Time {
	if stamp == nil {
		return time.Time{}
	}
	return stamp.Time
}
