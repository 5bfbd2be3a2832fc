// SPDX-License-Identifier: Apache-2.0

package rollout_test

import (
	"slices"

	"github.com/k0smotron/k0smotron/controlplane-machines/internal/controlplane"
	"github.com/k0smotron/k0smotron/controlplane-machines/internal/rollout"
)

// judgeCreate observes a creation in the truth.
func (w *world) judgeCreate(n *node, action rollout.Action) {
	others := 0
	for _, o := range w.nodes {
		if o == n {
			continue
		}
		if o.exists() {
			others++
		}
		if action.Role == controlplane.First && o.config && o.role == controlplane.First {
			w.violate("%s is created as a second first controller beside %s", n.name, o.name)
		}
	}
	switch {
	case n.gone || n.machine:
		w.violate("the name %s is used twice", n.name)
	case others+1 > w.cp.replicas+w.surge():
		w.violate("%s is created beside %d machines, with %d replicas and %s", n.name, others, w.cp.replicas, w.cp.strategy)
	case !w.cp.certificates || !w.cp.endpoint:
		w.violate("%s is created without certificates or endpoint", n.name)
	case action.Role == controlplane.First && w.begun && !w.byHand:
		w.violate("%s is created as a second first controller", n.name)
	case w.cp.deleting:
		w.violate("%s is created for a control plane that is being deleted", n.name)
	}
}

func (w *world) surge() int {
	if w.cp.strategy == controlplane.RecreateDeleteFirst && w.cp.replicas >= 3 {
		return 0
	}
	return 1
}

// judgeDelete observes the deletion of a Machine in the truth.
func (w *world) judgeDelete(n *node) {
	switch {
	case w.cp.deleting:
		if w.cp.workers > 0 {
			w.violate("%s is deleted before the workers", n.name)
		}
	case !w.begun || !n.provedMember || n.member.object && !n.member.joined:
		// It has no vote, or its cluster was never said to be there.
	case w.now-n.joinedAt <= detection:
		// Nobody could know that it has one.
	default:
		w.judgeChoice(n)
		w.judgeLoss(n)
	}
}

// judgeChoice observes whether the right one goes: what users have marked, then what is outdated.
func (w *world) judgeChoice(n *node) {
	if n.mark || !n.works() {
		w.forced = true
	}
	if n.mark {
		return
	}
	for _, o := range w.nodes {
		switch {
		case !o.isMachine():
		case o.mark:
			w.violate("%s is deleted although %s is marked", n.name, o.name)
		case o.wish != w.cp.wish && n.wish == w.cp.wish:
			w.violate("%s is deleted although it is up to date and %s is not", n.name, o.name)
		}
	}
}

// judgeLoss observes what would be left: a quorum, and as many voters as the strategy promises.
func (w *world) judgeLoss(n *node) {
	total, alive, stay := 0, 0, 0
	for _, o := range w.nodes {
		if o == n || !w.isVoter(o) {
			continue
		}
		total++
		if o.works() || o.provedMember && w.now-o.downSince <= detection {
			alive++
		}
		if o.machine && o.deleting == never && o.provedMember {
			stay++
		}
	}
	wanted := w.cp.replicas + w.surge() - 1
	switch {
	case w.storage == elsewhere && alive == 0, w.storage != elsewhere && alive < total/2+1:
		w.violate("deleting %s leaves %d of %d members alive", n.name, alive, total)
	case stay < wanted && n.works():
		w.violate("deleting %s leaves %d members where %s promises %d", n.name, stay, w.cp.strategy, wanted)
	}
}

func (w *world) isVoter(n *node) bool {
	if w.storage == elsewhere {
		return n.provedMember && !n.gone
	}
	return n.vote != nil && n.vote.votes
}

// judgeRest observes a world that has come to rest.
func (w *world) judgeRest() {
	for _, n := range w.nodes {
		if n.exists() && !n.machine && n.name != w.cp.next {
			w.violate("what was made of %s is left behind", n.name)
		}
	}
	if !w.mustConverge() {
		return
	}
	w.saw("converged")
	if w.cp.deleting {
		if slices.ContainsFunc(w.nodes, (*node).exists) {
			w.violate("no progress: the control plane is being deleted and is still there")
		}
		return
	}
	if w.cp.replicas > 0 {
		w.judgeConverged()
	}
}

// mustConverge tells whether nothing but the decisions keeps the world from being as wanted.
func (w *world) mustConverge() bool {
	if w.cp.deleting {
		return w.cp.workers == 0
	}
	if w.begun && !w.reachable() {
		return false
	}
	lost := 0
	for _, n := range w.nodes {
		switch {
		case n.machine && n.provedMember && !n.member.object && w.storage != elsewhere:
			return false // Its EtcdMember was removed by somebody.
		case n.machine && n.provedMember && !n.works():
			lost++
		}
	}
	return lost == 0
}

func (w *world) judgeConverged() {
	wanted := w.cp.replicas
	machines, count := 0, map[string]int{}
	for _, n := range w.nodes {
		switch {
		case n.machine && n.wish != w.cp.wish:
			w.violate("no progress: %s is still outdated", n.name)
		case n.machine && (!n.works() || n.deleting != never):
			w.violate("no progress: %s does not work, or is still being deleted", n.name)
		case n.machine:
			machines++
			count[n.domain]++
		case n.exists():
			w.violate("what was made of %s is left behind", n.name)
		case n.member.object:
			w.violate("no progress: member %s has no machine", n.name)
		}
	}
	if machines != wanted {
		w.violate("no progress: %d machines, %d wanted", machines, wanted)
	}
	if total, alive := w.etcd.count(); w.storage == learners && (total != wanted || alive != wanted) {
		w.violate("no progress: %d of %d members alive, %d wanted", alive, total, wanted)
	}
	for _, a := range w.domains {
		for _, b := range w.domains {
			if count[a] > count[b]+1 && !w.forced && !w.byHand {
				w.violate("failure domains are not balanced: %d in %s, %d in %s", count[a], a, count[b], b)
			}
		}
	}
}
