// SPDX-License-Identifier: Apache-2.0

package k0sconfig

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
)

// owned is a value that a fact decides.
type owned struct {
	place path
	value any
	// source is where the fact comes from, for the message.
	source string
	// agrees tells whether a user's value says the same; nil compares.
	agrees func(user any) bool
	// secret values are not shown.
	secret bool
}

// ownedValues are all values that facts decide. They are set in the document
// after it was checked against them.
func ownedValues(facts Facts, ports Ports) []owned {
	return slices.Concat(
		endpointValues(facts, ports),
		networkValues(facts),
		storageValues(facts.Storage),
		memberValues(facts),
		apiServerValues(facts),
	)
}

func endpointValues(facts Facts, ports Ports) []owned {
	const source = "the endpoint of the control plane"
	var values []owned
	if address := externalAddress(facts, ports); address != "" {
		values = append(values, owned{
			place: at("spec.api.externalAddress"), value: address, source: source,
			agrees: sameAddress(facts.API.ExternalHost, cmp.Or(facts.API.ExternalPort, ports.API)),
		})
	}
	if facts.API.Port != 0 || facts.API.ExternalPort != 0 {
		values = append(values, owned{place: at("spec.api.port"), value: int64(ports.API), source: source})
	}
	if facts.Konnectivity.Port != 0 || facts.Konnectivity.ExternalPort != 0 {
		values = append(values, owned{
			place: at("spec.konnectivity.agentPort"), value: int64(ports.Konnectivity), source: source,
		})
	}
	if address := konnectivityAddress(facts, ports); address != "" {
		values = append(values, owned{
			place: at("spec.konnectivity.externalAddress"), value: address, source: source,
			agrees: sameAddress(facts.konnectivityHost(), cmp.Or(facts.Konnectivity.ExternalPort, ports.Konnectivity)),
		})
	}
	return values
}

// sameAddress accepts the host alone and the host with its port.
func sameAddress(host string, port int) func(any) bool {
	return func(user any) bool {
		return user == host || user == hostPort(host, port)
	}
}

func storageValues(storage Storage) []owned {
	const source = "the storage of the control plane"
	switch {
	case storage.ExternalEtcd != nil:
		etcd := storage.ExternalEtcd
		external := at("spec.storage.etcd.externalCluster")
		return slices.DeleteFunc([]owned{
			{place: at("spec.storage.type"), value: "etcd", source: source},
			{place: external.child("endpoints"), value: anyList(etcd.Endpoints), source: source},
			{place: external.child("etcdPrefix"), value: etcd.Prefix, source: source},
			{place: external.child("caFile"), value: etcd.CAFile, source: source},
			{place: external.child("clientCertFile"), value: etcd.ClientCertFile, source: source},
			{place: external.child("clientKeyFile"), value: etcd.ClientKeyFile, source: source},
		}, func(o owned) bool { return o.value == "" })
	case storage.Kine != nil:
		return []owned{
			{place: at("spec.storage.type"), value: "kine", source: source},
			{place: at("spec.storage.kine.dataSource"), value: storage.Kine.DataSource, source: source, secret: true},
		}
	default:
		return nil
	}
}

func apiServerValues(facts Facts) []owned {
	values := make([]owned, 0, len(facts.APIServerExtraArgs))
	for _, flag := range slices.Sorted(maps.Keys(facts.APIServerExtraArgs)) {
		values = append(values, owned{
			place: apiServerArgs().child(flag), value: facts.APIServerExtraArgs[flag],
			source: "the control plane, which needs this flag",
		})
	}
	return values
}

func apiServerArgs() path { return at("spec.api.extraArgs") }

// contradictions are the user's values that say something else than a fact.
func contradictions(document map[string]any, values []owned) []Problem {
	var problems []Problem
	for _, value := range values {
		user, set := lookup(document, value.place)
		if set && !value.same(user) {
			problems = append(problems, value.contradiction(user))
		}
	}
	return problems
}

func (o owned) same(user any) bool {
	return reflect.DeepEqual(user, o.value) || o.agrees != nil && o.agrees(user)
}

func (o owned) contradiction(user any) Problem {
	problem := Problem{
		Path:    o.place.String(),
		Message: "contradicts what comes from " + o.source,
		Fix:     "remove it from the k0s configuration",
	}
	if o.secret {
		return problem
	}
	problem.Value = shown(user)
	if ours := shown(o.value); ours != "" {
		problem.Message = "contradicts " + ours + " from " + o.source
	}
	return problem
}

func anyList(texts []string) []any {
	list := make([]any, 0, len(texts))
	for _, text := range texts {
		list = append(list, text)
	}
	return list
}
