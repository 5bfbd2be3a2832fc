// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"fmt"
	"strings"
	"time"

	"github.com/k0smotron/k0smotron/controlplane-machines/internal/controlplane"
)

func names(machines []controlplane.Machine) string {
	list := make([]string, len(machines))
	for i := range machines {
		list[i] = machines[i].Name
	}
	return strings.Join(list, ", ")
}

func minutes(d time.Duration) string { return fmt.Sprintf("%d minutes", int(d.Minutes())) }

// deadline tells what happens when a Machine does not get there.
func deadline(m *controlplane.Machine) string {
	if m.Data.Consumed.IsZero() {
		return ""
	}
	return "; it is replaced if it has not within " + minutes(controlplane.JoinTimeout) + " of taking its bootstrap data"
}

// contactMessage names the way out where a controller that takes up a database may never come up: silence does not tell it
// from one that works and cannot be reached, so nothing is decided on it.
func contactMessage(p *plan) string {
	const message = "no machine is created or removed while the API of the workload cluster does not answer"
	for _, m := range p.machines {
		if !p.Etcd.Managed && !m.WasMember && !m.Data.Consumed.IsZero() {
			return message + "; if the controller of machine " + m.Name + " does not come up, have it replaced: " +
				"kubectl delete machine " + m.Name
		}
	}
	return message
}

func joiningMessage(m *controlplane.Machine) string {
	switch {
	case m.Membership == controlplane.Left:
		return "machine " + m.Name + " has left etcd" + deadline(m)
	case !m.NeverJoined():
		return "it is not known whether machine " + m.Name + " is a member of etcd: its EtcdMember is missing or does not " +
			"tell. A restart of k0s on it writes it anew"
	case !m.Data.Written:
		return "machine " + m.Name + " waits for its bootstrap data"
	case m.Data.Consumed.IsZero():
		return "machine " + m.Name + " waits for its infrastructure"
	default:
		return "machine " + m.Name + " is joining" + deadline(m)
	}
}

func unhealthyMessage(m *controlplane.Machine) string {
	message := "machine " + m.Name + " is not healthy"
	if m.HealthMessage != "" {
		message += " (" + m.HealthMessage + ")"
	}
	return message + ", and every member that stays must be. Repair it, or have it replaced: kubectl delete machine " + m.Name
}

func strayMessage(m *controlplane.Member) string {
	if m.Leaving {
		return "member " + m.Name + " of etcd has no machine and is leaving"
	}
	return "member " + m.Name + " of etcd has no machine. If it is not needed, remove it, in the workload cluster: kubectl " +
		"patch etcdmember " + m.Name + ` --type=merge -p '{"spec":{"leave":true}}'`
}

func quorumMessage(p *plan, then controlplane.Quorum) string {
	message := fmt.Sprintf("the next step could leave %d of %d voting members of etcd, which is no quorum",
		then.Voting-then.Unhealthy, then.Voting)
	if len(p.Etcd.LeftOver) == 0 {
		return message
	}
	return message + ". " + leftOverMessage(p)
}

// leftOverMessage names the members that cannot be seen and how to remove them.
func leftOverMessage(p *plan) string {
	commands := make([]string, len(p.Etcd.LeftOver))
	for i, left := range p.Etcd.LeftOver {
		commands[i] = "k0s etcd leave --peer-address " + left.Address + " (machine " + left.Machine + ")"
	}
	return "Run on a healthy controller: " + strings.Join(commands, ", ")
}
