// SPDX-License-Identifier: Apache-2.0

package double

import (
	"context"
	"slices"
)

// Kill ends all processes on a machine at once, as a power cut does: the lease is renewed no more.
func (d *Double) Kill(machine string) { d.set(machine, down) }

// Freeze stops all processes on a machine where they are. From outside it looks like Kill; Thaw lets them go on.
func (d *Double) Freeze(machine string) { d.set(machine, down) }

// Thaw lets go on what was frozen: the same start of k0s.
func (d *Double) Thaw(machine string) { d.set(machine, working) }

// Stop ends k0s in an orderly way: it releases its lease and stays a member.
func (d *Double) Stop(ctx context.Context, machine string) error {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	c := d.controllers[machine]
	if c == nil || c.state != working {
		return nil
	}
	if err := d.renew(ctx, c.lease(), ""); err != nil {
		return err
	}
	c.state = down
	return nil
}

// Restart starts k0s again on a machine where it works or is down: another invocation. A machine that died while it
// joined stays down: etcd knows its address already, and refuses it.
func (d *Double) Restart(machine string) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	c := d.controllers[machine]
	if c == nil || c.state == left {
		return
	}
	switch {
	case c.joined:
		c.state = working
	case d.etcd.members[machine] == nil:
		c.state = booting
	}
	c.starts++
	c.told = false
}

func (d *Double) set(machine string, to state) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if c := d.controllers[machine]; c != nil && c.state != left && (c.joined || to == down) {
		c.state = to
	}
}

// NextJoinerDies lets the next controller that joins die between the moment when etcd has added it and the first start of
// its etcd. It leaves a member behind that nobody sees from outside.
func (d *Double) NextJoinerDies() {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.joinerDies = true
}

// Hold keeps one from doing its part until Release.
func (d *Double) Hold(part Part) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.held[part] = true
}

// Release lets it do its part again.
func (d *Double) Release(part Part) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	delete(d.held, part)
}

// Disconnect cuts the management cluster off: the workload cluster works on and does not answer.
func (d *Double) Disconnect() {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.disconnected = true
}

// Connect ends it.
func (d *Double) Connect() {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.disconnected = false
}

// RemoveMember is a person who removes a member from etcd on a controller: one that nobody sees from outside, or any. Its
// etcd ends, and k0s with it.
func (d *Double) RemoveMember(machine string) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	delete(d.etcd.members, machine)
	if c := d.controllers[machine]; c != nil {
		c.state = left
	}
}

// Answers tells whether the API server of the workload cluster answers the management cluster: for the probe of the
// reconciler.
func (d *Double) Answers() bool {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	return !d.disconnected && d.answers()
}

// answers tells whether any API server works.
func (d *Double) answers() bool {
	names := d.workingNames()
	return slices.ContainsFunc(names, func(name string) bool { return !d.controllers[name].member || d.hasQuorum() })
}

// Voters are the members of etcd with a voice, as etcd knows them, sorted.
func (d *Double) Voters() []string {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	return d.etcd.voters()
}

// Learners counts the members of etcd without a voice: those that join, and those that were left behind.
func (d *Double) Learners() int {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	return d.etcd.learners()
}

// Alarms tell what must never happen and did, because a machine was created, terminated or asked to leave. Faults of the
// test raise none by themselves, nor does anything while the Cluster is being deleted.
func (d *Double) Alarms() []string {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	return slices.Clone(d.alarms)
}
