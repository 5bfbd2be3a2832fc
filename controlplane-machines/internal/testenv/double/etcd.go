// SPDX-License-Identifier: Apache-2.0

package double

import (
	"fmt"
	"maps"
	"slices"
)

// member is a member of etcd, as etcd knows it.
type member struct {
	id      string
	address string
	learner bool
}

// etcd is the membership: what no one outside sees.
type etcd struct {
	members map[string]*member
	issued  int
}

// add makes a member. Its id is a new one at every join.
func (e *etcd) add(name, address string) *member {
	e.issued++
	added := &member{id: fmt.Sprintf("%x", 0xa0000+e.issued), address: address}
	e.members[name] = added
	return added
}

func (e *etcd) learners() int {
	count := 0
	for _, m := range e.members {
		if m.learner {
			count++
		}
	}
	return count
}

// voters are the names of those that have a voice, sorted.
func (e *etcd) voters() []string {
	names := slices.Sorted(maps.Keys(e.members))
	return slices.DeleteFunc(names, func(name string) bool { return e.members[name].learner })
}

func (e *etcd) knows(id string) bool {
	for _, m := range e.members {
		if m.id == id {
			return true
		}
	}
	return false
}

// hasQuorum tells whether enough voters work.
func (d *Double) hasQuorum() bool {
	voters := d.etcd.voters()
	up := 0
	for _, name := range voters {
		if c := d.controllers[name]; c != nil && c.state == working {
			up++
		}
	}
	return len(voters) > 0 && up > len(voters)/2
}
