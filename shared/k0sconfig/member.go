// SPDX-License-Identifier: Apache-2.0

package k0sconfig

import (
	"cmp"
	"slices"
	"strings"
)

// nameFlag names an etcd member; k0s also takes it for the name with which the
// controller joins.
const nameFlag = "name"

// ManagesEtcd tells whether k0s runs etcd with this ClusterConfig document: the
// controllers are members of it then, and the state is theirs.
func ManagesEtcd(document map[string]any) bool {
	kind := lookupAs[string](document, at("spec.storage.type"))
	_, external := lookup(document, at("spec.storage.etcd.externalCluster"))
	return (kind == "" || kind == "etcd") && !external
}

// JoinPort is where controllers with this ClusterConfig document wait for
// others that join.
func JoinPort(document map[string]any) int {
	return cmp.Or(int(lookupAs[int64](document, at("spec.api.k0sApiPort"))), DefaultJoinPort)
}

// DataFile is the file that a controller with this ClusterConfig document has
// once it holds a copy of the state of the cluster, relative to the data
// directory. It is empty where the state lies elsewhere.
func DataFile(document map[string]any) string {
	if ManagesEtcd(document) {
		return "etcd/member/snap/db"
	}
	return ""
}

func etcdArgs() path { return at("spec.storage.etcd.extraArgs") }

func memberValues(facts Facts) []owned {
	if facts.EtcdMember == "" {
		return nil
	}
	return []owned{{
		place: etcdArgs().child(nameFlag), value: facts.EtcdMember,
		source: "the name of the Machine, by which the etcd member is recognised",
	}}
}

// memberProblems refuse the name in rawArgs, which come last and win.
func memberProblems(document map[string]any, facts Facts) []Problem {
	if facts.EtcdMember == "" {
		return nil
	}
	place := at("spec.storage.etcd.rawArgs")
	isName := func(argument any) bool {
		text, _ := argument.(string)
		flag, _, _ := strings.Cut(strings.TrimLeft(text, "-"), "=")
		return flag == nameFlag
	}
	if !slices.ContainsFunc(lookupAs[[]any](document, place), isName) {
		return nil
	}
	return []Problem{{
		Path: place.String(), Message: "sets --name, which is the name of the Machine", Fix: "remove it",
	}}
}
