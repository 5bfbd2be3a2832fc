// SPDX-License-Identifier: Apache-2.0

package rollout_test

import "slices"

// fault is a step that people or fate bring about.
func (w *world) fault(s step) {
	switch s.happens {
	case "mark":
		w.some(s, (*node).isMachine, func(n *node) { n.mark = true })
	case "lose":
		w.some(s, func(n *node) bool { return n.on && n.isMachine() }, func(n *node) { w.lose(n, "power") })
	case "freeze":
		w.some(s, func(n *node) bool { return n.on && n.isMachine() }, w.down)
	case "return":
		w.some(s, func(n *node) bool { return !n.on && !n.lost && !n.gone && n.consumed != never }, func(n *node) {
			n.on, n.downSince = true, never
		})
	case "by hand":
		w.some(s, (*node).isMachine, func(n *node) { w.byHand, n.deleting = true, w.now })
	case "tear out":
		w.some(s, func(n *node) bool { return n.isMachine() && n.member.joined && n.name != w.cp.next }, func(n *node) {
			w.byHand = true
			w.terminate(n)
		})
	case "forget":
		w.some(s, func(n *node) bool { return n.member.object && n.machine && n.wasMember && w.storage != elsewhere },
			func(n *node) { n.member = etcdMember{} })
	case "contact":
		w.contact = !w.contact
		w.happened(s.happens, "contact with the workload cluster: %t", w.contact)
	case "certificates":
		w.cp.certificates = !w.cp.certificates
		w.happened(s.happens, "certificates exist: %t", w.cp.certificates)
	case "endpoint":
		if !w.cp.endpoint {
			w.cp.endpoint = true
			w.happened(s.happens, "the endpoint is known")
		}
	case "lose status":
		if w.cp.initialized {
			w.cp.initialized = false
			w.happened(s.happens, "the status of the control plane is lost")
		}
	case "clean":
		w.etcd.clean()
	}
}

func (n *node) isMachine() bool { return n.machine && n.deleting == never }

// some does something to one of the nodes that are so.
func (w *world) some(s step, so func(*node) bool, do func(*node)) {
	var able []*node
	for _, n := range w.nodes {
		if so(n) {
			able = append(able, n)
		}
	}
	if len(able) == 0 {
		return
	}
	n := able[s.arg%len(able)]
	do(n)
	w.happened(s.happens, "%s: %s", s.happens, n.name)
}

func (w *world) happened(what, format string, args ...any) {
	w.saw(what)
	w.changed(format, args...)
}

// sightings are the names of what a history contained.
type sightings []string

func (w *world) saw(what string) {
	if !slices.Contains(w.seen, what) {
		w.seen = append(w.seen, what)
	}
}
