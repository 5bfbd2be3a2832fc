// SPDX-License-Identifier: Apache-2.0

package desired_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-incluster/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/child"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/defaults"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/desired"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/etcd"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/storage"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

const namespace = "zoo"

// key stands for the private key of the cluster CA.
var key = child.Key("key")

// golden is what one case renders, and from what: a Cluster and a K0smotronControlPlane, the Service as the management
// cluster allocated it, and for kine the data source.
type golden struct {
	cluster      *clusterv1.Cluster
	controlPlane *controlplanev1.K0smotronControlPlane
	service      *corev1.Service
	dataSource   string
	nodes        []corev1.Node
}

// TestGolden renders every folder of testdata. in.yaml holds the objects a user and the management cluster make; want.yaml
// all objects that are computed from them; k0s.yaml and cluster-wide.yaml the configuration inside of them, to be read.
func TestGolden(t *testing.T) {
	t.Parallel()
	folders, err := filepath.Glob("testdata/*/in.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, folders)
	for _, input := range folders {
		folder := filepath.Dir(input)
		t.Run(filepath.Base(folder), func(t *testing.T) {
			t.Parallel()
			objects, config := readGolden(t, input).render(t)
			scheme := testenv.MustScheme(controlplanev1.AddToScheme)
			testenv.GoldenObjects(t, scheme, filepath.Join(folder, "want.yaml"), objects...)
			testenv.Golden(t, filepath.Join(folder, "k0s.yaml"), config.Data[desired.KeyK0sConfig])
			testenv.Golden(t, filepath.Join(folder, "cluster-wide.yaml"), config.Data[desired.KeyClusterWide])
		})
	}
}

func readGolden(t *testing.T, path string) golden {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var in struct {
		Cluster      *clusterv1.Cluster                    `json:"cluster"`
		ControlPlane *controlplanev1.K0smotronControlPlane `json:"controlPlane"`
		Service      corev1.ServiceStatus                  `json:"serviceStatus"`
		ClusterIP    string                                `json:"clusterIP"`
		NodePorts    []int32                               `json:"nodePorts"`
		DataSource   string                                `json:"dataSource"`
		Nodes        []corev1.Node                         `json:"nodes"`
	}
	require.NoError(t, yaml.UnmarshalStrict(text, &in))
	in.Cluster.Namespace = namespace
	identity := child.Identity{Namespace: namespace, Cluster: in.Cluster.Name}
	service := desired.Service(identity, in.ControlPlane.Spec.Service)
	service.Status, service.Spec.ClusterIP = in.Service, in.ClusterIP
	for i, port := range in.NodePorts {
		service.Spec.Ports[i].NodePort = port
	}
	return golden{
		cluster: in.Cluster, controlPlane: in.ControlPlane, service: service, dataSource: in.DataSource, nodes: in.Nodes,
	}
}

func (g golden) render(t *testing.T) ([]client.Object, *corev1.Secret) {
	t.Helper()
	facts := g.facts(t)
	config, err := desired.Configuration(facts)
	require.NoError(t, err)
	pods, err := desired.Renderer{PlacerImage: "registry.example.org/manager:v0.1.0"}.ControlPlane(facts, config)
	require.NoError(t, err)
	objects := []client.Object{desired.Service(facts.Identity, facts.Settings.Service)}
	if g.dataSource == "" {
		members, err := etcd.Cluster{
			Identity: facts.Identity, Settings: facts.Settings.Storage.Etcd,
			DefaultImage: defaults.EtcdImage(facts.Release.Version), Certificates: "etcd-certificates",
		}.Build()
		require.NoError(t, err)
		objects = append(objects, members.Service, members.StatefulSet, members.PodDisruptionBudget)
	}
	objects = append(objects, config.Secret, pods.StatefulSet, desired.PodDisruptionBudget(facts.Identity))
	return objects, config.Secret
}

func (g golden) facts(t *testing.T) desired.Facts {
	t.Helper()
	spec := g.controlPlane.Spec
	release, err := desired.ReleaseOf(spec.Version, spec.Image)
	require.NoError(t, err)
	decision := desired.DecideEndpoint(desired.EndpointFacts{
		Fixed: spec.ControlPlaneEndpoint, ExternalAddress: spec.ExternalAddress, Service: g.service, Nodes: g.nodes,
	})
	require.Empty(t, decision.Awaited)
	identity := child.Identity{Namespace: namespace, Cluster: g.cluster.Name}
	network := g.cluster.Spec.ClusterNetwork
	return desired.Facts{
		Identity: identity, Settings: spec.ControlPlaneSettings, Release: release, Endpoint: decision.Endpoint,
		Network: desired.Network{
			PodCIDRs: network.Pods.CIDRBlocks, ServiceCIDRs: network.Services.CIDRBlocks, ServiceDomain: network.ServiceDomain,
		},
		Storage: g.storage(identity), Certificates: "certificates", Key: key,
	}
}

func (g golden) storage(identity child.Identity) storage.Backend {
	if g.dataSource != "" {
		return storage.Kine(g.dataSource, key)
	}
	return storage.Etcd(identity, g.cluster.Name+"-etcd")
}
