// SPDX-License-Identifier: Apache-2.0

package mgmt

import (
	"path/filepath"

	"github.com/k0smotron/k0smotron/e2e/lab/command"
	"github.com/k0smotron/k0smotron/e2e/lab/layout"
	"github.com/k0smotron/k0smotron/e2e/lab/process"
)

// etcdURL is on the loopback device of the management namespace, which nobody else reaches.
const etcdURL = "http://127.0.0.1:2379"

// Etcd stores the cluster. It does not wait for the disk: a lab that dies is made anew.
func Etcd(p layout.Paths) process.Spec {
	return inMgmt("etcd", []string{
		p.Bin("etcd", layout.EtcdVersion, "etcd"),
		"--name=lab",
		"--data-dir=" + filepath.Join(p.State, "etcd"),
		"--unsafe-no-fsync",
		"--listen-client-urls=" + etcdURL,
		"--advertise-client-urls=" + etcdURL,
		"--listen-peer-urls=http://127.0.0.1:2380",
		"--initial-advertise-peer-urls=http://127.0.0.1:2380",
		"--initial-cluster=lab=http://127.0.0.1:2380",
		"--quota-backend-bytes=4294967296",
		"--auto-compaction-mode=periodic",
		"--auto-compaction-retention=10m",
		"--log-level=warn",
	})
}

// APIServer listens on the address of the namespace alone, so that a load balancer address never answers for it.
func APIServer(p layout.Paths) process.Spec {
	pki := func(file string) string { return filepath.Join(p.PKI(), file) }
	policy := filepath.Join(p.Config(), "audit-policy.yaml")
	return inMgmt("kube-apiserver", []string{
		p.Kubernetes("kube-apiserver"),
		"--etcd-servers=" + etcdURL,
		"--bind-address=" + layout.MgmtIP,
		"--advertise-address=" + layout.MgmtIP,
		"--secure-port=6443",
		"--service-cluster-ip-range=" + layout.ServiceCIDR,
		"--tls-cert-file=" + pki("apiserver.crt"),
		"--tls-private-key-file=" + pki("apiserver.key"),
		"--client-ca-file=" + pki("ca.crt"),
		"--kubelet-certificate-authority=" + pki("ca.crt"),
		"--kubelet-client-certificate=" + pki("apiserver-kubelet-client.crt"),
		"--kubelet-client-key=" + pki("apiserver-kubelet-client.key"),
		"--kubelet-preferred-address-types=InternalIP",
		"--service-account-issuer=https://kubernetes.default.svc." + layout.ClusterDomain,
		"--service-account-key-file=" + pki("service-account.key"),
		"--service-account-signing-key-file=" + pki("service-account.key"),
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--allow-privileged=true",
		"--audit-policy-file=" + policy,
		"--audit-log-path=" + p.AuditLog(),
		"--audit-log-maxsize=2000",
		"--profiling=false",
	}, policy, pki("apiserver.crt"))
}

// ControllerManager signs certificates for machines too, as kubeadm's does.
func ControllerManager(p layout.Paths) process.Spec {
	config := kubeconfig(p, "kube-controller-manager")
	ca := filepath.Join(p.PKI(), "ca.crt")
	return inMgmt("kube-controller-manager", []string{
		p.Kubernetes("kube-controller-manager"),
		"--kubeconfig=" + config,
		"--authentication-kubeconfig=" + config,
		"--authorization-kubeconfig=" + config,
		"--bind-address=127.0.0.1",
		"--leader-elect=false",
		"--use-service-account-credentials=true",
		"--service-account-private-key-file=" + filepath.Join(p.PKI(), "service-account.key"),
		"--root-ca-file=" + ca,
		"--cluster-signing-cert-file=" + ca,
		"--cluster-signing-key-file=" + filepath.Join(p.PKI(), "ca.key"),
		"--service-cluster-ip-range=" + layout.ServiceCIDR,
		"--profiling=false",
	}, config)
}

// Scheduler places pods on the one node.
func Scheduler(p layout.Paths) process.Spec {
	config := kubeconfig(p, "kube-scheduler")
	return inMgmt("kube-scheduler", []string{
		p.Kubernetes("kube-scheduler"),
		"--kubeconfig=" + config,
		"--authentication-kubeconfig=" + config,
		"--authorization-kubeconfig=" + config,
		"--bind-address=127.0.0.1",
		"--leader-elect=false",
		"--profiling=false",
	}, config)
}

// Containerd is the lab's own, with its own root, state and socket.
func Containerd(p layout.Paths) process.Spec {
	config := filepath.Join(p.Config(), "containerd.toml")
	return inMgmt("containerd", inMounts(p, "/usr/bin/containerd", "--config="+config), config)
}

// Kubelet makes this machine a node of the cluster.
func Kubelet(p layout.Paths) process.Spec {
	config, clients := filepath.Join(p.Config(), "kubelet.yaml"), kubeconfig(p, "kubelet")
	return inMgmt("kubelet", inMounts(p,
		p.Kubernetes("kubelet"),
		"--config="+config,
		"--kubeconfig="+clients,
		"--root-dir="+filepath.Join(p.State, "kubelet"),
		"--cert-dir="+filepath.Join(p.State, "kubelet", "pki"),
		"--hostname-override="+layout.NodeName,
		"--node-ip="+layout.MgmtIP,
	), config, clients)
}

// KubeProxy runs in iptables mode: ipvs is not in every kernel.
func KubeProxy(p layout.Paths) process.Spec {
	config, clients := filepath.Join(p.Config(), "kube-proxy.yaml"), kubeconfig(p, "kube-proxy")
	return inMgmt("kube-proxy", []string{p.Kubernetes("kube-proxy"), "--config=" + config}, config, clients)
}

// Programs lists all programs of the cluster in the order in which they start.
func Programs(p layout.Paths) []process.Spec {
	return []process.Spec{
		Etcd(p), APIServer(p), Containerd(p), ControllerManager(p), Scheduler(p), Kubelet(p), KubeProxy(p),
	}
}

// inMounts runs a program in the mount namespace that containerd and the kubelet share.
func inMounts(p layout.Paths, args ...string) []string {
	return append([]string{"nsenter", "--mount=" + p.MountNamespace(), "--"}, args...)
}

func inMgmt(name string, args []string, inputs ...string) process.Spec {
	return process.Spec{Name: name, Args: command.InNetns(layout.MgmtNetns, args...), Inputs: inputs}
}
