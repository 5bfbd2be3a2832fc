// SPDX-License-Identifier: Apache-2.0

package k0sconfig_test

import (
	"maps"

	"github.com/k0smotron/k0smotron/shared/k0sconfig"
)

// problemCase is a user's document with exactly the problems it has: path, then
// a part of the line that tells value, message or fix.
type problemCase struct {
	user  string
	facts func(*k0sconfig.Facts)
	want  map[string]string
}

func endpointFacts(f *k0sconfig.Facts) {
	f.API = k0sconfig.Endpoint{ExternalHost: "api.example.com", ExternalPort: 443, Port: 6443}
	f.Konnectivity = k0sconfig.Endpoint{ExternalHost: "api.example.com", ExternalPort: 8132, Port: 8132}
}

func oldVersion(version string, more ...func(*k0sconfig.Facts)) func(*k0sconfig.Facts) {
	return func(f *k0sconfig.Facts) {
		for _, set := range more {
			set(f)
		}
		if err := f.Version.UnmarshalText([]byte(version)); err != nil {
			panic(err)
		}
	}
}

func etcdFacts(f *k0sconfig.Facts) {
	f.Storage.ExternalEtcd = &k0sconfig.ExternalEtcd{
		Endpoints: []string{"https://etcd:2379"}, Prefix: "/demo", CAFile: "a", ClientCertFile: "b", ClientKeyFile: "c",
	}
}

func kineFacts(f *k0sconfig.Facts) {
	f.Storage.Kine = &k0sconfig.Kine{DataSource: "mysql://ours:hunter2@tcp(db)/k0s"}
}

func authenticationFacts(f *k0sconfig.Facts) {
	f.APIServerExtraArgs = map[string]string{"authentication-config": "/etc/k0s/authentication.yaml"}
}

func networks(pods, services []string) func(*k0sconfig.Facts) {
	return func(f *k0sconfig.Facts) { f.PodCIDRs, f.ServiceCIDRs = pods, services }
}

func problemCases() map[string]problemCase {
	cases := map[string]problemCase{}
	for _, group := range []map[string]problemCase{
		shapeCases(), endpointCases(), networkCases(), storageCases(), versionCases(), argumentCases(),
	} {
		maps.Copy(cases, group)
	}
	return cases
}

func shapeCases() map[string]problemCase {
	return map[string]problemCase{
		"OtherAPIVersion": {
			user: "apiVersion: k0s.k0sproject.io/v1alpha1",
			want: map[string]string{
				"apiVersion": `"k0s.k0sproject.io/v1alpha1" is not what k0s reads; write "k0s.k0sproject.io/v1beta1"`,
			},
		},
		"OtherKind": {user: "kind: Cluster", want: map[string]string{"kind": `write "ClusterConfig"`}},
		"OtherName": {
			user: "metadata: {name: mine}",
			want: map[string]string{"metadata.name": `"mine" is not what k0s reads`},
		},
		"OtherNamespace": {
			user: "metadata: {namespace: default}",
			want: map[string]string{"metadata.namespace": "kube-system"},
		},
		"Labels": {
			user: "metadata: {labels: {a: b}}",
			want: map[string]string{"metadata.labels": "known are name, namespace"},
		},
		"Status": {user: "status: {}", want: map[string]string{"status": "is not a key that k0s knows"}},
		"UnknownSection": {
			user: "spec: {konectivity: {}}",
			want: map[string]string{"spec.konectivity": "known are api, controllerManager"},
		},
		"EmptyKey": {user: "spec: {'': 1}", want: map[string]string{`spec.""`: "is not a key"}},
		"UnknownBesides": {
			user: "spec: {a: 1, b: 2}",
			want: map[string]string{"spec.a": "remove it", "spec.b": "remove it"},
		},
		"SpecIsText":    {user: "spec: text", want: map[string]string{"spec": `"text" is not an object`}},
		"SectionIsList": {user: "spec: {api: []}", want: map[string]string{"spec.api": "is not an object"}},
		"SansIsText": {
			user: "spec: {api: {sans: a.example.com}}",
			want: map[string]string{"spec.api.sans": "is not a list"},
		},
		"ProfilesAreObject": {
			user: "spec: {workerProfiles: {}}",
			want: map[string]string{"spec.workerProfiles": "write a list"},
		},
		"SanIsNumber": {
			user: "spec: {api: {sans: [7]}}",
			want: map[string]string{"spec.api.sans": "7 is not a host name"},
		},
		"SanIsEmpty": {
			user: `spec: {api: {sans: [""]}}`,
			want: map[string]string{"spec.api.sans": "is not a host name"},
		},
	}
}

func endpointCases() map[string]problemCase {
	return map[string]problemCase{
		"OtherHost": {
			user:  "spec: {api: {externalAddress: other.example.com}}",
			facts: endpointFacts,
			want: map[string]string{
				"spec.api.externalAddress": `"other.example.com" contradicts "api.example.com:443" from the endpoint`,
			},
		},
		"OtherHostPort": {
			user: "spec: {api: {externalAddress: 'api.example.com:6443'}}", facts: endpointFacts,
			want: map[string]string{"spec.api.externalAddress": "remove it from the k0s configuration"},
		},
		"HostIsNumber": {
			user: "spec: {api: {externalAddress: 7}}", facts: endpointFacts,
			want: map[string]string{"spec.api.externalAddress": "7 contradicts"},
		},
		"OtherPort": {
			user: "spec: {api: {port: 7443}}", facts: endpointFacts,
			want: map[string]string{"spec.api.port": "7443 contradicts 6443"},
		},
		"PortForcedByOldVersion": {
			user: "spec: {api: {port: 6443}}", facts: oldVersion("v1.33.5", endpointFacts),
			want: map[string]string{"spec.api.port": "6443 contradicts 443"},
		},
		"PortIsText": {
			user: "spec: {api: {port: '6443'}}",
			want: map[string]string{"spec.api.port": `"6443" is not a port`},
		},
		"PortTooLarge": {
			user: "spec: {konnectivity: {agentPort: 70000}}",
			want: map[string]string{"spec.konnectivity.agentPort": "between 1 and 65535"},
		},
		"PortZero": {
			user: "spec: {api: {k0sApiPort: 0}}",
			want: map[string]string{"spec.api.k0sApiPort": "0 is not a port"},
		},
		"PortFraction": {
			user: "spec: {konnectivity: {adminPort: 1.5}}",
			want: map[string]string{"spec.konnectivity.adminPort": "1.5 is not a port"},
		},
		"EndpointHostWithPort": {
			user: "{}", facts: func(f *k0sconfig.Facts) { f.API.ExternalHost = "h.example.com:443" },
			want: map[string]string{"spec.api.externalAddress": `"h.example.com:443" is not a host name`},
		},
		"EndpointHostWithZone": {
			user: "{}", facts: func(f *k0sconfig.Facts) { f.API.ExternalHost = "fe80::1%eth0" },
			want: map[string]string{"spec.api.externalAddress": "correct the endpoint"},
		},
		"KonnectivityHostIsURL": {
			user: "{}", facts: func(f *k0sconfig.Facts) { f.Konnectivity.ExternalHost = "https://k" },
			want: map[string]string{"spec.konnectivity.externalAddress": "is not a host name"},
		},
		"EndpointPortTooLarge": {
			user: "{}", facts: func(f *k0sconfig.Facts) { f.API.ExternalPort = 100000 },
			want: map[string]string{"spec.api.port": "100000 is not a port"},
		},
		"EndpointPortNegative": {
			user: "{}", facts: func(f *k0sconfig.Facts) { f.Konnectivity.Port = -1 },
			want: map[string]string{"spec.konnectivity.agentPort": "-1 is not a port"},
		},
		"HostPortTooOld": {
			user: "spec: {api: {externalAddress: 'h.example.com:443'}}", facts: oldVersion("v1.32.9"),
			want: map[string]string{"spec.api.externalAddress": "k0s v1.31.13, v1.32.10, v1.33.6, v1.34.0 or later"},
		},
		"OtherAgentPort": {
			user: "spec: {konnectivity: {agentPort: 9132}}", facts: endpointFacts,
			want: map[string]string{"spec.konnectivity.agentPort": "9132 contradicts 8132"},
		},
		"OtherKonnectivityHost": {
			user: "spec: {konnectivity: {externalAddress: elsewhere.example.com}}", facts: endpointFacts,
			want: map[string]string{"spec.konnectivity.externalAddress": `contradicts "api.example.com:8132"`},
		},
		"KonnectivityHostTooOld": {
			user: "{}",
			facts: oldVersion("v1.33.5", endpointFacts, func(f *k0sconfig.Facts) {
				f.Konnectivity.ExternalHost = "konnectivity.example.com"
			}),
			want: map[string]string{
				"spec.konnectivity.externalAddress": `"konnectivity.example.com" differs from the host of the API`,
			},
		},
		"NodeLocalLoadBalancing": {
			user:  "spec: {network: {nodeLocalLoadBalancing: {enabled: true}}}",
			facts: endpointFacts,
			want: map[string]string{
				"spec.network.nodeLocalLoadBalancing.enabled": "cannot be used together with an external address",
			},
		},
		"NodeLocalLoadBalancingByUser": {
			user: "spec: {api: {externalAddress: h}, network: {nodeLocalLoadBalancing: {enabled: true}}}",
			want: map[string]string{"spec.network.nodeLocalLoadBalancing.enabled": "remove nodeLocalLoadBalancing"},
		},
	}
}

func networkCases() map[string]problemCase {
	const pods, services = "Cluster.spec.clusterNetwork.pods.cidrBlocks", "Cluster.spec.clusterNetwork.services.cidrBlocks"
	v4, dual := []string{"10.244.0.0/16"}, []string{"10.244.0.0/16", "fd00::/56"}
	return map[string]problemCase{
		"OtherPodCIDR": {
			user: "spec: {network: {podCIDR: 10.0.0.0/16}}", facts: networks(v4, nil),
			want: map[string]string{"spec.network.podCIDR": `"10.0.0.0/16" contradicts "10.244.0.0/16" from ` + pods},
		},
		"OtherServiceCIDR": {
			user: "spec: {network: {serviceCIDR: 10.0.0.0/16}}", facts: networks(nil, []string{"10.96.0.0/12"}),
			want: map[string]string{"spec.network.serviceCIDR": "from " + services},
		},
		"OtherDomain": {
			user:  "spec: {network: {clusterDomain: mine.local}}",
			facts: func(f *k0sconfig.Facts) { f.ServiceDomain = "cluster.local" },
			want:  map[string]string{"spec.network.clusterDomain": "Cluster.spec.clusterNetwork.serviceDomain"},
		},
		"DualStackOfOneBlock": {
			user: "spec: {network: {dualStack: {enabled: true}}}", facts: networks(v4, nil),
			want: map[string]string{"spec.network.dualStack.enabled": "list the IPv6 blocks there"},
		},
		"OnlyPodsDual": {user: "{}", facts: networks(dual, v4), want: map[string]string{pods: "same address families"}},
		"NoServices":   {user: "{}", facts: networks(dual, nil), want: map[string]string{pods: "same address families"}},
		"OnlyIPv6": {
			user:  "{}",
			facts: networks([]string{"fd00::/56"}, nil),
			want:  map[string]string{pods: "not a combination"},
		},
		"TwoIPv4": {
			user:  "{}",
			facts: networks(nil, []string{"10.0.0.0/16", "10.1.0.0/16"}),
			want:  map[string]string{services: "not a combination"},
		},
		"ThreeBlocks": {
			user:  "{}",
			facts: networks(append(dual, "10.1.0.0/16"), nil),
			want:  map[string]string{pods: "not a combination"},
		},
		"NoCIDR": {
			user:  "{}",
			facts: networks([]string{"10.244.0.0"}, nil),
			want:  map[string]string{pods: "is not a CIDR block"},
		},
		"IPv6FirstTooOld": {
			user: "{}", facts: oldVersion("v1.33.13", networks(dual, []string{"fd01::/112", "10.96.0.0/12"})),
			want: map[string]string{services: "list the IPv4 block first or use k0s v1.34.0 or later"},
		},
	}
}

func storageCases() map[string]problemCase {
	return map[string]problemCase{
		"KineInsteadOfEtcd": {
			user: "spec: {storage: {type: kine, kine: {dataSource: 'mysql://u:hunter3@db/x'}}}", facts: etcdFacts,
			want: map[string]string{"spec.storage.type": `"kine" contradicts "etcd"`, "spec.storage.kine": "has no effect"},
		},
		"OtherEndpoints": {
			user: "spec: {storage: {etcd: {externalCluster: {endpoints: ['https://mine:2379']}}}}", facts: etcdFacts,
			want: map[string]string{"spec.storage.etcd.externalCluster.endpoints": "contradicts what comes from the storage"},
		},
		"OtherPrefix": {
			user: "spec: {storage: {etcd: {externalCluster: {etcdPrefix: /mine}}}}", facts: etcdFacts,
			want: map[string]string{"spec.storage.etcd.externalCluster.etcdPrefix": `"/mine" contradicts "/demo"`},
		},
		"EtcdArguments": {
			user: "spec: {storage: {etcd: {extraArgs: {a: b}, peerAddress: 10.0.0.1, ca: {}, rawArgs: [x]}}}", facts: etcdFacts,
			want: map[string]string{
				"spec.storage.etcd.extraArgs": "an etcd that k0s does not run", "spec.storage.etcd.peerAddress": "remove it",
				"spec.storage.etcd.ca": "remove it", "spec.storage.etcd.rawArgs": "remove it",
			},
		},
		"OtherDataSource": {
			user:  "spec: {storage: {kine: {dataSource: 'mysql://u:hunter3@db/x'}}}",
			facts: kineFacts,
			want: map[string]string{
				"spec.storage.kine.dataSource": "contradicts what comes from the storage of the control plane",
			},
		},
		"EtcdBesideKine": {
			user: "spec: {storage: {type: kine, etcd: {extraArgs: {a: b}}}}", facts: kineFacts,
			want: map[string]string{"spec.storage.etcd": "keeps its state in kine"},
		},
		"EtcdInsteadOfKine": {
			user: "spec: {storage: {type: etcd}}", facts: kineFacts,
			want: map[string]string{"spec.storage.type": `"etcd" contradicts "kine"`},
		},
		"BothStorages": {
			user: "{}", facts: oldVersion("v1.36.3", etcdFacts, kineFacts),
			want: map[string]string{"spec.storage": "choose one storage"},
		},
		"HalfTLS": {
			user: "{}", facts: func(f *k0sconfig.Facts) { etcdFacts(f); f.Storage.ExternalEtcd.ClientKeyFile = "" },
			want: map[string]string{"spec.storage.etcd.externalCluster": "is incomplete"},
		},
		"NoPrefix": {
			user: "{}", facts: func(f *k0sconfig.Facts) { etcdFacts(f); f.Storage.ExternalEtcd.Prefix = "" },
			want: map[string]string{"spec.storage.etcd.externalCluster": "is incomplete"},
		},
	}
}

func versionCases() map[string]problemCase {
	cases := map[string]problemCase{}
	for path, test := range map[string][3]string{
		"spec.api.ca":                                 {"spec: {api: {ca: {expiresAfter: 1h}}}", "v1.32.13", "v1.33.0"},
		"spec.api.rawArgs":                            {"spec: {api: {rawArgs: [--v=4]}}", "v1.33.13", "v1.34.0"},
		"spec.controllerManager.rawArgs":              {"spec: {controllerManager: {rawArgs: []}}", "v1.33.13", "v1.34.0"},
		"spec.scheduler.rawArgs":                      {"spec: {scheduler: {rawArgs: []}}", "v1.33.13", "v1.34.0"},
		"spec.images.windows":                         {"spec: {images: {windows: {}}}", "v1.33.13", "v1.34.0"},
		"spec.konnectivity.externalAddress":           {"spec: {konnectivity: {externalAddress: a}}", "v1.32.9", "v1.32.10"},
		"spec.metricsServer":                          {"spec: {metricsServer: {}}", "v1.35.7", "v1.36.0"},
		"spec.network.calico.patches":                 {"spec: {network: {calico: {patches: []}}}", "v1.35.7", "v1.36.0"},
		"spec.network.coreDNS":                        {"spec: {network: {coreDNS: {}}}", "v1.35.7", "v1.36.0"},
		"spec.network.kubeProxy.healthzBindAddress":   {"spec: {network: {kubeProxy: {healthzBindAddress: a}}}", "v1.35.7", "v1.36.0"},
		"spec.network.kubeProxy.patches":              {"spec: {network: {kubeProxy: {patches: []}}}", "v1.35.7", "v1.36.0"},
		"spec.network.kubeProxy.rawArgs":              {"spec: {network: {kubeProxy: {rawArgs: []}}}", "v1.33.13", "v1.34.0"},
		"spec.network.kuberouter.patches":             {"spec: {network: {kuberouter: {patches: []}}}", "v1.35.7", "v1.36.0"},
		"spec.network.kuberouter.rawArgs":             {"spec: {network: {kuberouter: {rawArgs: []}}}", "v1.33.13", "v1.34.0"},
		"spec.network.nodeLocalLoadBalancing.traefik": {"spec: {network: {nodeLocalLoadBalancing: {traefik: {}}}}", "v1.35.7", "v1.36.0"},
		"spec.network.primaryAddressFamily":           {"spec: {network: {primaryAddressFamily: IPv4}}", "v1.33.13", "v1.34.0"},
		"spec.storage.etcd.ca":                        {"spec: {storage: {etcd: {ca: {}}}}", "v1.32.13", "v1.33.0"},
		"spec.storage.etcd.rawArgs":                   {"spec: {storage: {etcd: {rawArgs: []}}}", "v1.33.13", "v1.34.0"},
		"spec.storage.kine.extraArgs":                 {"spec: {storage: {kine: {extraArgs: {}}}}", "v1.34.10", "v1.35.0"},
		"spec.storage.kine.rawArgs":                   {"spec: {storage: {kine: {rawArgs: []}}}", "v1.34.10", "v1.35.0"},
	} {
		cases["TooOldFor "+path] = problemCase{
			user: test[0], facts: oldVersion(test[1]),
			want: map[string]string{path: "is not known to k0s " + test[1]},
		}
		cases["NewEnoughFor "+path] = problemCase{user: test[0], facts: oldVersion(test[2])}
	}
	return cases
}

func argumentCases() map[string]problemCase {
	return map[string]problemCase{
		"BooleanArgument": {
			user: "spec: {api: {extraArgs: {profiling: false}}}",
			want: map[string]string{"spec.api.extraArgs.profiling": "false is not a string; write the value in quotes"},
		},
		"NumericArguments": {
			user: "spec: {scheduler: {extraArgs: {v: 4}}, storage: {etcd: {extraArgs: {snapshot-count: 5}}}}",
			want: map[string]string{
				"spec.scheduler.extraArgs.v":                 "4 is not",
				"spec.storage.etcd.extraArgs.snapshot-count": "5 is not",
			},
		},
		"OtherAuthenticationConfig": {
			user: "spec: {api: {extraArgs: {authentication-config: /mine.yaml}}}", facts: authenticationFacts,
			want: map[string]string{"spec.api.extraArgs.authentication-config": `"/mine.yaml" contradicts`},
		},
		"AnonymousAuth": {
			user:  "spec: {api: {extraArgs: {anonymous-auth: 'true'}}}",
			facts: authenticationFacts,
			want: map[string]string{
				"spec.api.extraArgs.anonymous-auth": "takes anonymous access from the authentication configuration",
			},
		},
		"RawAuthenticationConfig": {
			user: "spec: {api: {rawArgs: [--authentication-config=/mine.yaml, --v=2]}}", facts: authenticationFacts,
			want: map[string]string{"spec.api.rawArgs": "sets a flag that the control plane needs"},
		},
		"RawAnonymousAuth": {
			user: "spec: {api: {rawArgs: [--anonymous-auth]}}", facts: authenticationFacts,
			want: map[string]string{"spec.api.rawArgs": `"--anonymous-auth"`},
		},
		"RawArgumentIsNumber": {user: "spec: {api: {rawArgs: [7]}}", facts: authenticationFacts},
	}
}
