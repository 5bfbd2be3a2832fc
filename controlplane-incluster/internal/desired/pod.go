// SPDX-License-Identifier: Apache-2.0

package desired

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/child"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/storage"
	"github.com/k0smotron/k0smotron/shared/k0sconfig"
	"github.com/k0smotron/k0smotron/shared/k0sversion"
	"github.com/k0smotron/k0smotron/shared/pki"
)

const (
	volumeData  = "data"
	volumeRun   = "run"
	volumeTmp   = "tmp"
	volumeFiles = "files"

	dataDir   = "/var/lib/k0s"
	filesPath = "/files"

	// ContainerK0s is the name of the container that runs k0s.
	ContainerK0s = "k0s"

	flagDisableComponents = "--disable-components="
)

// pod is a control plane pod being built.
type pod struct {
	renderer   Renderer
	facts      Facts
	configHash string
	ports      k0sconfig.Ports
	access     ProbeAccess
}

func (r Renderer) podOf(facts Facts, config Config) pod {
	access := ProbeTCP
	if len(config.Secret.Data[KeyAuthentication]) > 0 {
		access = ProbeHTTP
	}
	return pod{
		renderer: r, facts: facts, configHash: configHash(facts, config.Secret), access: access, ports: config.Ports,
	}
}

func (p pod) template() corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{
			Labels:      p.facts.Identity.Selector(child.RoleControlPlane),
			Annotations: p.annotations(),
		},
		Spec: corev1.PodSpec{
			AutomountServiceAccountToken: new(false),
			EnableServiceLinks:           new(false),
			// kube-apiserver takes up to 20 s to stop, every other process up to 5 s.
			TerminationGracePeriodSeconds: new(int64(45)),
			SecurityContext: &corev1.PodSecurityContext{
				SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
			InitContainers: []corev1.Container{p.placer()},
			Containers:     []corev1.Container{p.container()},
			Volumes:        p.volumes(),
		},
	}
}

// placer copies certificates and configuration to where k0s looks for them: k0s changes owners and modes of its keys,
// which it could not on a Secret volume.
func (p pod) placer() corev1.Container {
	return corev1.Container{
		Name:    "place",
		Image:   p.renderer.PlacerImage,
		Command: []string{"/manager", "place"},
		Args:    []string{"--from=" + filesPath, "--to=" + dataDir},
		SecurityContext: &corev1.SecurityContext{
			// The files belong to root, as k0s expects. No capability is needed: all folders belong to root too, and files
			// that k0s has given away are replaced, not written.
			RunAsUser:                new(int64(0)),
			RunAsNonRoot:             new(false),
			AllowPrivilegeEscalation: new(false),
			ReadOnlyRootFilesystem:   new(true),
			Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		},
		VolumeMounts: []corev1.VolumeMount{
			{Name: volumeFiles, MountPath: filesPath, ReadOnly: true},
			{Name: volumeData, MountPath: dataDir},
		},
	}
}

func (p pod) container() corev1.Container {
	return corev1.Container{
		Name:    ContainerK0s,
		Image:   p.facts.Release.Image,
		Command: []string{"k0s", "controller"},
		Args:    p.args(),
		Ports: []corev1.ContainerPort{
			containerPort(PortAPI, p.ports.API),
			containerPort(PortKonnectivity, p.ports.Konnectivity),
		},
		Env:       p.renderer.Env,
		Resources: p.resources(),
		// Five minutes to start, asked every second so that a quick start is seen at once. Liveness leaves etcd out:
		// restarting k0s does not repair it.
		StartupProbe:    p.probe("/livez?exclude=etcd", 1, 300),
		LivenessProbe:   p.probe("/livez?exclude=etcd", 10, 6),
		ReadinessProbe:  p.probe("/readyz", 2, 3),
		SecurityContext: containerSecurity(),
		VolumeMounts: []corev1.VolumeMount{
			{Name: volumeData, MountPath: dataDir},
			{Name: volumeRun, MountPath: "/run"},
			{Name: volumeTmp, MountPath: "/tmp"},
		},
	}
}

func containerPort(name string, port int) corev1.ContainerPort {
	number := int32(port) //nolint:gosec // A port: k0sconfig has checked its range.
	return corev1.ContainerPort{Name: name, ContainerPort: number, Protocol: corev1.ProtocolTCP}
}

// containerSecurity runs k0s as root with the least it needs: it starts every component as a user of its own.
func containerSecurity() *corev1.SecurityContext {
	return &corev1.SecurityContext{
		RunAsUser:                new(int64(0)),
		RunAsNonRoot:             new(false),
		AllowPrivilegeEscalation: new(false),
		ReadOnlyRootFilesystem:   new(true),
		Capabilities: &corev1.Capabilities{
			Drop: []corev1.Capability{"ALL"},
			Add: []corev1.Capability{
				"CHOWN",        // gives each component its keys
				"DAC_OVERRIDE", // writes into folders that it has given away
				"FOWNER",       // sets the modes of keys it has given away, at every start
				"KILL",         // stops components that run as other users
				"SETGID",       // starts components under their group
				"SETUID",       // starts components under their user
			},
		},
	}
}

// args are the flags of k0s controller: ours, then the user's.
func (p pod) args() []string {
	disabled := disabledComponents(p.facts.Release.Version)
	var rest []string
	for _, flag := range p.facts.Settings.ControlPlaneFlags {
		if components, found := strings.CutPrefix(flag, flagDisableComponents); found {
			disabled = append(disabled, strings.Split(components, ",")...)
			continue
		}
		rest = append(rest, flag)
	}
	slices.Sort(disabled)
	return append([]string{
		"--config=" + dataDir + "/" + KeyK0sConfig,
		"--enable-dynamic-config",
		flagDisableComponents + strings.Join(slices.Compact(disabled), ","),
	}, rest...)
}

// disabledComponents are the components that a hosted control plane has no use for.
func disabledComponents(version k0sversion.Version) []string {
	components := []string{
		"autopilot",   // replaces the k0s binary in place; here the image decides what runs
		"control-api", // joins controllers with tokens; here pods are added
	}
	if version.Supports(k0sversion.UpdateProber) {
		components = append(components, "update-prober") // asks the internet for updates that the user decides about
	}
	return components
}

func (p pod) resources() corev1.ResourceRequirements {
	wanted := p.facts.Settings.Resources
	if len(wanted.Requests) > 0 || len(wanted.Limits) > 0 {
		return wanted
	}
	return corev1.ResourceRequirements{Requests: corev1.ResourceList{
		corev1.ResourceCPU:    resource.MustParse("200m"),
		corev1.ResourceMemory: resource.MustParse("768Mi"),
	}}
}

func (p pod) probe(path string, period, failures int32) *corev1.Probe {
	probe := &corev1.Probe{PeriodSeconds: period, TimeoutSeconds: 5, FailureThreshold: failures}
	if p.access == ProbeTCP {
		probe.TCPSocket = &corev1.TCPSocketAction{Port: intstr.FromString(PortAPI)}
		return probe
	}
	probe.HTTPGet = &corev1.HTTPGetAction{Path: path, Port: intstr.FromString(PortAPI), Scheme: corev1.URISchemeHTTPS}
	return probe
}

func (p pod) volumes() []corev1.Volume {
	volumes := []corev1.Volume{
		p.files(),
		*emptyDir(volumeRun, corev1.StorageMediumMemory), // k0s keeps a copy of its configuration there
		*emptyDir(volumeTmp, corev1.StorageMediumDefault),
	}
	if data := dataVolume(p.facts); data != nil {
		volumes = append([]corev1.Volume{*data}, volumes...)
	}
	return volumes
}

// files is a volume that looks like the data directory: what the placer finds there it copies.
func (p pod) files() corev1.Volume {
	config := []corev1.KeyToPath{{Key: KeyK0sConfig, Path: KeyK0sConfig}}
	if p.access == ProbeHTTP {
		config = append(config, corev1.KeyToPath{Key: KeyAuthentication, Path: KeyAuthentication})
	}
	sources := []corev1.VolumeProjection{projection(NamesOf(p.facts.Identity).ConfigSecret(), config...)}
	for _, purpose := range PlacedPairs() {
		files := purpose.Files()
		sources = append(sources, projection(p.facts.Identity.Cluster+"-"+string(purpose),
			corev1.KeyToPath{Key: pki.CertKey, Path: "pki/" + files.Cert},
			corev1.KeyToPath{Key: pki.PrivateKeyKey, Path: "pki/" + files.Key}))
	}
	for _, file := range p.facts.Storage.Files {
		sources = append(sources, projectFile(file))
	}
	return corev1.Volume{Name: volumeFiles, VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
		DefaultMode: new(int32(0o400)),
		Sources:     sources,
	}}}
}

// PlacedPairs are the pairs that k0s needs whole. The etcd CA is not among them: k0s needs its certificate alone, and
// gets it from the storage.
func PlacedPairs() []pki.Purpose {
	return []pki.Purpose{pki.KubernetesCA, pki.FrontProxyCA, pki.ServiceAccount}
}

func projectFile(file storage.File) corev1.VolumeProjection {
	return projection(file.Secret, corev1.KeyToPath{Key: file.Key, Path: "pki/" + file.Path})
}

func projection(secret string, items ...corev1.KeyToPath) corev1.VolumeProjection {
	return corev1.VolumeProjection{Secret: &corev1.SecretProjection{
		LocalObjectReference: corev1.LocalObjectReference{Name: secret}, Items: items,
	}}
}
