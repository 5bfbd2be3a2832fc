// SPDX-License-Identifier: Apache-2.0

package etcd

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/child"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/defaults"
	"github.com/k0smotron/k0smotron/shared/contract"
)

const (
	volumeData         = "data"
	volumeCertificates = "certificates"

	dataMount        = "/var/lib/etcd"
	dataDir          = dataMount + "/data" // Below the mount, so that etcd can give it its own mode.
	certificatesPath = "/etc/etcd/pki"

	// nonRoot is the user, group and volume group of etcd; the image brings none.
	nonRoot = 65532
)

// Keys of the Secret with the members' certificates, which are also file names.
const (
	KeyCA         = "ca.crt"
	KeyServerCert = "server.crt"
	KeyServerKey  = "server.key"
	KeyPeerCert   = "peer.crt"
	KeyPeerKey    = "peer.key"
)

func (c Cluster) statefulSet() *appsv1.StatefulSet {
	names := NamesOf(c.Identity)
	return &appsv1.StatefulSet{
		ObjectMeta: c.Identity.Meta(child.RoleEtcd, names.StatefulSet()),
		Spec: appsv1.StatefulSetSpec{
			Replicas:             new(int32(1)),
			ServiceName:          names.Service(),
			RevisionHistoryLimit: new(int32(2)),
			// A pod that never becomes ready must not block its own repair.
			PodManagementPolicy:  appsv1.ParallelPodManagement,
			UpdateStrategy:       appsv1.StatefulSetUpdateStrategy{Type: appsv1.RollingUpdateStatefulSetStrategyType},
			Selector:             &metav1.LabelSelector{MatchLabels: c.Identity.Selector(child.RoleEtcd)},
			Template:             c.template(),
			VolumeClaimTemplates: []corev1.PersistentVolumeClaim{c.claim()},
		},
	}
}

func (c Cluster) claim() corev1.PersistentVolumeClaim {
	claim := corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: volumeData, Labels: c.Identity.Selector(child.RoleEtcd)},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources: corev1.VolumeResourceRequirements{
				Requests: corev1.ResourceList{corev1.ResourceStorage: c.volumeSize()},
			},
		},
	}
	if class := c.Settings.Persistence.StorageClass; class != "" {
		claim.Spec.StorageClassName = new(class)
	}
	return claim
}

func (c Cluster) template() corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{
			Labels:      c.Identity.Selector(child.RoleEtcd),
			Annotations: map[string]string{contract.ConfigHashAnnotation: c.Certificates},
		},
		Spec: corev1.PodSpec{
			AutomountServiceAccountToken:  new(false),
			EnableServiceLinks:            new(false),
			TerminationGracePeriodSeconds: new(int64(30)),
			SecurityContext: &corev1.PodSecurityContext{
				RunAsNonRoot:        new(true),
				RunAsUser:           new(int64(nonRoot)),
				RunAsGroup:          new(int64(nonRoot)),
				FSGroup:             new(int64(nonRoot)),
				FSGroupChangePolicy: new(corev1.FSGroupChangeOnRootMismatch),
				SeccompProfile:      &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
			Containers: []corev1.Container{c.container()},
			Volumes: []corev1.Volume{{
				Name: volumeCertificates,
				VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{
					SecretName:  NamesOf(c.Identity).ServerSecret(),
					DefaultMode: new(int32(0o440)),
				}},
			}},
		},
	}
}

func (c Cluster) container() corev1.Container {
	return corev1.Container{
		Name:    "etcd",
		Image:   c.image(),
		Command: []string{"etcd"},
		Args:    c.flags(),
		Ports: []corev1.ContainerPort{
			{Name: "client", ContainerPort: clientPort, Protocol: corev1.ProtocolTCP},
			{Name: "peer", ContainerPort: peerPort, Protocol: corev1.ProtocolTCP},
			{Name: "metrics", ContainerPort: metricsPort, Protocol: corev1.ProtocolTCP},
		},
		Resources: c.resources(),
		// A big database is read for minutes at a start; a member that runs is told by its own health alone.
		StartupProbe:   probe("/livez", 1, 300),
		LivenessProbe:  probe("/livez", 10, 6),
		ReadinessProbe: probe("/readyz", 2, 3),
		SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: new(false),
			ReadOnlyRootFilesystem:   new(true),
			Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		},
		VolumeMounts: []corev1.VolumeMount{
			{Name: volumeData, MountPath: dataMount},
			{Name: volumeCertificates, MountPath: certificatesPath, ReadOnly: true},
		},
	}
}

// flags are those of etcd 3.5.11 and later.
func (c Cluster) flags() []string {
	names := NamesOf(c.Identity)
	peerURL := url(names.MemberHost(), peerPort)
	return []string{
		"--name=" + names.Member(),
		"--data-dir=" + dataDir,
		fmt.Sprintf("--listen-client-urls=https://0.0.0.0:%d", clientPort),
		"--advertise-client-urls=" + url(names.MemberHost(), clientPort),
		fmt.Sprintf("--listen-peer-urls=https://0.0.0.0:%d", peerPort),
		"--initial-advertise-peer-urls=" + peerURL,
		"--initial-cluster=" + names.Member() + "=" + peerURL,
		"--initial-cluster-state=new",
		"--initial-cluster-token=" + c.Identity.Namespace + "-" + c.Identity.Cluster,
		// Metrics and health without TLS, because probes have no client certificate.
		fmt.Sprintf("--listen-metrics-urls=http://0.0.0.0:%d", metricsPort),
		"--client-cert-auth=true",
		"--trusted-ca-file=" + certificatesPath + "/" + KeyCA,
		"--cert-file=" + certificatesPath + "/" + KeyServerCert,
		"--key-file=" + certificatesPath + "/" + KeyServerKey,
		"--peer-client-cert-auth=true",
		"--peer-trusted-ca-file=" + certificatesPath + "/" + KeyCA,
		"--peer-cert-file=" + certificatesPath + "/" + KeyPeerCert,
		"--peer-key-file=" + certificatesPath + "/" + KeyPeerKey,
		fmt.Sprintf("--quota-backend-bytes=%d", c.quota()),
		// kube-apiserver compacts every 5 minutes; this bounds the history when it does not run.
		"--auto-compaction-mode=periodic",
		"--auto-compaction-retention=1h",
		"--snapshot-count=10000",
	}
}

func (c Cluster) image() string {
	if c.Settings.Image != "" {
		return c.Settings.Image
	}
	return c.DefaultImage
}

func (c Cluster) resources() corev1.ResourceRequirements {
	if len(c.Settings.Resources.Requests) > 0 || len(c.Settings.Resources.Limits) > 0 {
		return c.Settings.Resources
	}
	return corev1.ResourceRequirements{Requests: corev1.ResourceList{
		corev1.ResourceCPU:    resource.MustParse("100m"),
		corev1.ResourceMemory: resource.MustParse("128Mi"),
	}}
}

func (c Cluster) volumeSize() resource.Quantity {
	if size := c.Settings.Persistence.Size; !size.IsZero() {
		return size
	}
	return resource.MustParse(defaults.EtcdVolumeSize)
}

// quota is the largest size of the database. The rest of the volume is for the write-ahead log and snapshots, which take
// about 500 MiB; 8 GiB is the most that etcd recommends.
func (c Cluster) quota() int64 {
	const (
		reserve = 512 << 20
		most    = 8 << 30
	)
	volume := c.volumeSize()
	size := volume.Value()
	return min(max(size-reserve, size/2), most)
}

func probe(path string, period, failures int32) *corev1.Probe {
	return &corev1.Probe{
		ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{
			Path: path, Port: intstr.FromString("metrics"), Scheme: corev1.URISchemeHTTP,
		}},
		PeriodSeconds:    period,
		TimeoutSeconds:   5,
		FailureThreshold: failures,
	}
}
