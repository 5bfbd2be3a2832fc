// SPDX-License-Identifier: Apache-2.0

package double

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/shared/k0sconfig"
	"github.com/k0smotron/k0smotron/shared/k0sversion"
)

// state is what k0s does on a machine.
type state string

const (
	// booting: k0s was not started yet, or waits to be let in.
	booting state = "booting"
	// joining: it was added to etcd and has not started it yet.
	joining state = "joining"
	// working: it serves.
	working state = "working"
	// down: its processes are stopped, killed or frozen.
	down state = "down"
	// left: it has left etcd and idles.
	left state = "left"
)

// controller is k0s on a machine.
type controller struct {
	name, host, address string
	// starts counts its processes: each has an invocation of its own.
	starts  int
	release k0sversion.Version
	since   time.Time
	state   state
	// first creates the cluster, worker has a Node, member has an etcd of its own.
	first, worker, member bool
	// learners is how many learners its etcd allows at a time.
	learners int
	// told tells that this start has told the cluster of itself, joined that one ever has.
	told, joined bool
}

func (c *controller) lease() string      { return "k0s-ctrl-" + c.host }
func (c *controller) providerID() string { return "test:///" + c.name }
func (c *controller) invocation() string { return fmt.Sprintf("%s-run-%d", c.host, c.starts) }
func (c *controller) works() bool        { return c.state == working && c.told }

// boot makes the machine of a Machine from its data.
func (d *Double) boot(machine *clusterv1.Machine, config *bootstrapv1.K0sControllerConfig) (*controller, error) {
	document, err := k0sconfig.Parse(config.Spec.K0s.Raw)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration of %s: %w", config.Name, err)
	}
	release, err := k0sversion.Parse(cmp.Or(config.Spec.Version, machine.Spec.Version))
	if err != nil {
		return nil, fmt.Errorf("reading the version of %s: %w", machine.Name, err)
	}
	d.made++
	booted := &controller{
		name: machine.Name, release: release, state: booting, starts: 1, since: d.options.Clock.Now(),
		host: fmt.Sprintf("host-%d", d.made), address: fmt.Sprintf("10.0.0.%d", 10+d.made),
		first: config.Spec.Role == bootstrapv1.ControllerRoleFirst, worker: config.Spec.RunsWorker(),
		member: k0sconfig.ManagesEtcd(document), learners: maxLearners(document),
	}
	d.controllers[machine.Name] = booted
	return booted, nil
}

// maxLearners is etcd's limit: one, unless it is told another.
func maxLearners(document map[string]any) int {
	text, _, _ := unstructured.NestedString(document, "spec", "storage", "etcd", "extraArgs", "max-learners")
	limit, err := strconv.Atoi(text)
	if err != nil {
		return 1
	}
	return limit
}

// run is one turn of k0s on all machines, and then of its leader.
func (d *Double) run(ctx context.Context) error {
	for _, name := range slices.Sorted(maps.Keys(d.controllers)) {
		if err := d.act(ctx, d.controllers[name]); err != nil {
			return fmt.Errorf("running k0s on %s: %w", name, err)
		}
	}
	return d.lead(ctx)
}

func (d *Double) act(ctx context.Context, c *controller) error {
	switch c.state {
	case booting:
		return d.begin(ctx, c)
	case joining:
		return d.startMember(ctx, c)
	case working:
		return d.work(ctx, c)
	default:
		return nil
	}
}

// begin creates the cluster or asks to be let in.
func (d *Double) begin(ctx context.Context, c *controller) error {
	switch {
	case d.held[Joining] || d.options.Clock.Now().Sub(c.since) < d.options.JoinDelay:
		return nil
	case c.first && d.founded:
		d.alarm("%s is about to create a second cluster", c.name)
		c.state = down
		return nil
	case c.first || !c.member:
		return d.open(ctx, c)
	case !d.answers() || d.etcd.learners() >= c.learners && addsLearners.of(c.release):
		return nil
	}
	d.etcd.add(c.name, c.address).learner = addsLearners.of(c.release)
	c.state = joining
	if d.joinerDies {
		d.joinerDies, c.state = false, down
	}
	return nil
}

// open starts a controller that needs nobody: the first one, and any where k0s runs no etcd.
func (d *Double) open(ctx context.Context, c *controller) error {
	if c.member && d.etcd.members[c.name] == nil {
		d.etcd.add(c.name, c.address)
	}
	c.state, d.founded = working, true
	return d.register(ctx, c)
}

// startMember starts etcd, has it promoted, and tells the cluster.
func (d *Double) startMember(ctx context.Context, c *controller) error {
	m := d.etcd.members[c.name]
	if m == nil { // It was removed meanwhile.
		c.state = left
		return nil
	}
	m.learner, c.state = false, working
	return d.register(ctx, c)
}

// work renews the lease, or leaves when the leader says so.
func (d *Double) work(ctx context.Context, c *controller) error {
	if !c.told {
		return d.register(ctx, c)
	}
	if c.member && !d.hasQuorum() {
		return nil
	}
	told, err := d.toldToLeave(ctx, c)
	if err != nil {
		return err
	}
	if told {
		return d.leave(ctx, c)
	}
	return d.renew(ctx, c.lease(), c.invocation())
}

// forget ends machines whose Machines vanished without a word: somebody took the finalizer away.
func (d *Double) forget(machines []*clusterv1.Machine) {
	for name := range d.controllers {
		if !slices.ContainsFunc(machines, func(m *clusterv1.Machine) bool { return m.Name == name }) {
			d.powerOff(name)
		}
	}
}

// powerOff ends a machine. Its member stays in etcd unless it has left.
func (d *Double) powerOff(name string) {
	watch := d.watchQuorum()
	delete(d.controllers, name)
	watch("machine " + name + " was terminated")
}

// watchQuorum is called before something is done; what it returns raises the alarm when that took the quorum away.
func (d *Double) watchQuorum() func(done string) {
	had := d.hasQuorum()
	return func(done string) {
		if had && !d.ending && !d.hasQuorum() {
			d.alarm("%s, and etcd has lost its quorum: voters are %v", done, d.etcd.voters())
		}
	}
}

func (d *Double) alarm(format string, args ...any) {
	d.alarms = append(d.alarms, fmt.Sprintf(format, args...))
}
