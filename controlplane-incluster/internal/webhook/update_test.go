// SPDX-License-Identifier: Apache-2.0

package webhook_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestUpdate has a case for every rule about a change.
func TestUpdate(t *testing.T) {
	t.Parallel()
	const endpoint = "\ncontrolPlaneEndpoint: {host: a.example.org, port: 443}"
	claim := func(size string) string {
		return minimal + "persistence: {type: pvc, persistentVolumeClaim: {spec: {accessModes: [ReadWriteOnce], " +
			"resources: {requests: {storage: " + size + "}}}}}"
	}
	cases := map[string]struct {
		before, after string
		want          []string
	}{
		"Patch":     {before: "version: v1.36.3+k0s.2", after: "version: v1.36.4+k0s.0"},
		"PatchBack": {before: "version: v1.36.3+k0s.2", after: "version: v1.36.2+k0s.0"},
		"MinorUp":   {before: "version: v1.35.7+k0s.0", after: "version: v1.36.3+k0s.2"},
		"MinorSkipped": {
			before: "version: v1.34.10+k0s.0",
			after:  "version: v1.36.3+k0s.2",
			want:   []string{"spec.version", "one minor version at a time"},
		},
		"MinorDown": {
			before: "version: v1.36.3+k0s.2",
			after:  "version: v1.35.7+k0s.0",
			want:   []string{"spec.version", "restore a backup"},
		},
		"EndpointSet": {before: minimal, after: minimal + endpoint},
		"EndpointChanged": {
			before: minimal + endpoint,
			after:  minimal + "controlPlaneEndpoint: {host: b.example.org, port: 443}",
			want:   []string{"controlPlaneEndpoint", "new Cluster"},
		},
		"EndpointRemoved": {before: minimal + endpoint, after: minimal, want: []string{"controlPlaneEndpoint", "fixed"}},
		"AddressAfterwards": {
			before: minimal + endpoint,
			after:  minimal + endpoint + "\nexternalAddress: b.example.org",
			want:   []string{"externalAddress"},
		},
		"ServiceTypeEarly": {before: minimal, after: minimal + "service: {type: NodePort}"},
		"ServiceTypeLate": {
			before: minimal + endpoint,
			after:  minimal + endpoint + "\nservice: {type: NodePort}",
			want:   []string{"service.type", "externalAddress"},
		},
		"ServiceTypeNamed": {
			before: minimal + endpoint + "\nexternalAddress: a.example.org",
			after:  minimal + endpoint + "\nexternalAddress: a.example.org\nservice: {type: NodePort}",
		},
		"ServiceClass": {
			before: minimal + "service: {type: LoadBalancer}",
			after:  minimal + "service: {type: LoadBalancer, loadBalancerClass: example.org/a}",
			want:   []string{"loadBalancerClass", "new Cluster"},
		},
		"StorageType": {
			before: minimal,
			after:  minimal + "storage: {type: kine, kine: {dataSourceSecretName: db}}",
			want:   []string{"storage.type", "new Cluster"},
		},
		"StorageTypeSpelled": {before: minimal, after: minimal + "storage: {type: etcd}"},
		"StorageTypeDropped": {
			before: minimal + "storage: {type: kine, kine: {dataSourceSecretName: db}}",
			after:  minimal,
			want:   []string{"storage.type"},
		},
		"StorageSecret": {
			before: minimal + "storage: {type: kine, kine: {dataSourceSecretName: db}}",
			after:  minimal + "storage: {type: kine, kine: {dataSourceSecretName: other}}",
		},
		"StorageClass": {
			before: minimal,
			after:  minimal + "storage: {etcd: {persistence: {storageClass: fast}}}",
			want:   []string{"storageClass", "backup"},
		},
		"StorageSize": {
			before: minimal + "storage: {etcd: {persistence: {size: 1Gi}}}",
			after:  minimal + "storage: {etcd: {persistence: {size: 2Gi}}}",
			want:   []string{"size", "PersistentVolumeClaim"},
		},
		"StorageSizeAdded": {
			before: minimal,
			after:  minimal + "storage: {etcd: {persistence: {size: 2Gi}}}",
			want:   []string{"size"},
		},
		"StorageSizeRewrite": {
			before: minimal + "storage: {etcd: {persistence: {size: 1Gi}}}",
			after:  minimal + "storage: {etcd: {persistence: {size: 1024Mi}}}",
		},
		"EtcdImage": {before: minimal, after: minimal + "storage: {etcd: {image: example.org/etcd:v3.6.14}}"},
		"PersistenceType": {
			before: minimal,
			after:  minimal + "persistence: {type: hostPath, hostPath: /srv}",
			want:   []string{"persistence.type", "new Cluster"},
		},
		"PersistenceClaim": {
			before: claim("1Gi"),
			after:  claim("2Gi"),
			want:   []string{"persistentVolumeClaim", "edit the PersistentVolumeClaim"},
		},
		"PersistenceSame": {before: claim("1Gi"), after: claim("1Gi") + "\nreplicas: 1"},
		"ConfigValue":     {before: minimal, after: minimal + "k0sConfig: {spec: {telemetry: {enabled: false}}}"},
		"ConfigPods": {
			before: minimal,
			after:  minimal + "k0sConfig: {spec: {network: {podCIDR: 10.1.0.0/16}}}",
			want:   []string{"spec.k0sConfig", "podCIDR", "10.244.0.0/16"},
		},
		"ConfigPodsSpelled": {before: minimal, after: minimal + "k0sConfig: {spec: {network: {podCIDR: 10.244.0.0/16}}}"},
		"ConfigServices": {
			before: minimal + "k0sConfig: {spec: {network: {serviceCIDR: 10.1.0.0/16}}}",
			after:  minimal + "k0sConfig: {spec: {network: {serviceCIDR: 10.2.0.0/16}}}",
			want:   []string{"serviceCIDR"},
		},
		"ConfigServiceDomain": {
			before: minimal,
			after:  minimal + "k0sConfig: {spec: {network: {clusterDomain: jungle.local}}}",
			want:   []string{"clusterDomain", "new Cluster"},
		},
		"ConfigProvider": {
			before: minimal,
			after:  minimal + "k0sConfig: {spec: {network: {provider: calico}}}",
			want:   []string{"provider"},
		},
		"ConfigUnknownKey": {
			before: minimal,
			after:  minimal + "k0sConfig: {spec: {nonsense: true}}",
			want:   []string{"spec.nonsense"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := update(t, tc.before, tc.after)
			if tc.want == nil {
				require.NoError(t, err)
				return
			}
			refused(t, err, tc.want...)
		})
	}
}
