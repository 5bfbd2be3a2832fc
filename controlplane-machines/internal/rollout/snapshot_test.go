// SPDX-License-Identifier: Apache-2.0

package rollout_test

import (
	"fmt"
	"time"

	"github.com/k0smotron/k0smotron/controlplane-machines/internal/controlplane"
)

// Snapshots for tables: a control plane at rest, and what can be different about it.

var now = time.Date(2030, 6, 1, 12, 0, 0, 0, time.UTC)

type change func(*controlplane.Snapshot)

// atRest has members that all work; the first is the oldest.
func atRest(members int, changes ...change) controlplane.Snapshot {
	s := controlplane.Snapshot{
		Now: now, Replicas: members, Strategy: controlplane.Recreate, Initialized: members > 0, Certificates: true,
		Endpoint: true, Current: true, Etcd: controlplane.Etcd{Managed: true, MaxLearners: 5},
	}
	for i := range members {
		s.Machines = append(s.Machines, controlplane.Machine{
			Name: fmt.Sprintf("cp-%d", i+1), Parts: controlplane.Parts{Infrastructure: true, Config: true, Machine: true},
			Created: now.Add(time.Duration(i-100) * time.Hour), Role: controlplane.Joining, WasMember: true,
			Data:       controlplane.Data{Written: true, Consumed: now.Add(time.Duration(i-100) * time.Hour)},
			Membership: controlplane.Voting, Health: controlplane.Healthy,
		})
	}
	for _, change := range changes {
		change(&s)
	}
	return s
}

// machine changes one Machine.
func machine(name string, do ...func(*controlplane.Machine)) change {
	return func(s *controlplane.Snapshot) {
		for i := range s.Machines {
			if s.Machines[i].Name == name {
				for _, f := range do {
					f(&s.Machines[i])
				}
				return
			}
		}
		m := controlplane.Machine{Name: name}
		for _, f := range do {
			f(&m)
		}
		s.Machines = append(s.Machines, m)
	}
}

func want(n int) change { return func(s *controlplane.Snapshot) { s.Replicas = n } }

func deleteFirst(s *controlplane.Snapshot) { s.Strategy = controlplane.RecreateDeleteFirst }

func recorded(name string) change { return func(s *controlplane.Snapshot) { s.NextMachine = name } }

func leftOver(addresses ...string) change {
	return func(s *controlplane.Snapshot) {
		for _, address := range addresses {
			s.Etcd.LeftOver = append(s.Etcd.LeftOver, controlplane.LeftOver{Machine: "cp-gone", Address: address})
		}
	}
}

func joinersVote(s *controlplane.Snapshot) { s.Etcd.JoinersVote = true }

func elsewhereStored(s *controlplane.Snapshot) { s.Etcd = controlplane.Etcd{} }

func noContact(s *controlplane.Snapshot) { s.Current = false }

// stray is a member without a Machine.
func stray(health controlplane.Health) change {
	return func(s *controlplane.Snapshot) {
		s.Strays = append(s.Strays, controlplane.Member{Name: "cp-0", Membership: controlplane.Voting, Health: health})
	}
}

func inDomains(names ...string) change {
	return func(s *controlplane.Snapshot) {
		s.FailureDomains = []string{"a", "b", "c"}
		for i, name := range names {
			s.Machines[i].FailureDomain = name
		}
	}
}

func allOutdated(s *controlplane.Snapshot) {
	for i := range s.Machines {
		outOfDate(&s.Machines[i])
	}
}

func outOfDate(m *controlplane.Machine) { m.Outdated = []string{"version v1.35.7 is not v1.36.3"} }

func sick(m *controlplane.Machine) {
	m.Health, m.HealthMessage = controlplane.Unhealthy, "lease not renewed"
}

func healthUnknown(m *controlplane.Machine) { m.Health = controlplane.HealthUnknown }

func marked(m *controlplane.Machine) { m.DeleteMark = true }

func leaving(m *controlplane.Machine) { m.DeletingSince = now.Add(-time.Minute) }

// begun is half made: the config with its role, and no Machine.
func begun(role controlplane.Role) func(*controlplane.Machine) {
	return func(m *controlplane.Machine) {
		m.Parts, m.Role = controlplane.Parts{Infrastructure: true, Config: true}, role
	}
}

// started took its bootstrap data some time ago and is no member yet.
func started(role controlplane.Role, ago time.Duration) func(*controlplane.Machine) {
	return func(m *controlplane.Machine) {
		unstarted(role)(m)
		m.Data.Consumed, m.Membership = now.Add(-ago), controlplane.Learner
	}
}

// unstarted has its bootstrap data and waits for infrastructure.
func unstarted(role controlplane.Role) func(*controlplane.Machine) {
	return func(m *controlplane.Machine) {
		m.Parts, m.Role = controlplane.Parts{Infrastructure: true, Config: true, Machine: true}, role
		m.Created, m.Data.Written = now.Add(-time.Hour), true
	}
}
