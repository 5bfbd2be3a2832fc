// SPDX-License-Identifier: Apache-2.0

package k0scontract

import (
	"slices"
	"strings"
)

// Case names the test that holds k0s to a fact.
type Case string

// All cases. Each is run by the tests with the build tag k0scontract.
const (
	CaseWorkerInstalls   Case = "a worker is installed"
	CaseWorkerJoins      Case = "a worker joins"
	CaseControllerRuns   Case = "a controller runs as its pod says"
	CaseProbesAnswer     Case = "probes answer, nothing else does"
	CaseFlagsAreChecked  Case = "unknown flags and components end with exit code 1"
	CaseConfigIsChecked  Case = "unknown configuration keys end with exit code 1"
	CaseConfigTakesPlace Case = "configuration takes effect"
	CaseClusterWide      Case = "cluster-wide configuration takes effect without a restart"
	CaseFilesAreUsed     Case = "placed files are used and stay safe"
	CaseDisabled         Case = "disabled components do not run"
	CaseRestartRenews    Case = "a restart renews every leaf certificate"
	CaseKineIsStarted    Case = "kine is started with the data source"

	CaseControllerInstalls Case = "a controller is installed"
	CaseMachineController  Case = "a controller runs as its machine says, and tells who it is"
	CaseMachineFiles       Case = "files of a machine are used and stay safe"
	CaseControllerJoins    Case = "a controller joins by its token"
)

// rule gives facts of a kind their case. An empty pattern fits all names; one that ends in "*" fits by its beginning.
type rule struct {
	kind     Kind
	patterns []string
	cases    Case
}

func rules() []rule { return slices.Concat(machineRules(), hostedRules()) }

// machineRules are those of user data that makes controllers.
func machineRules() []rule {
	return []rule{
		{KindCommand, []string{"install controller"}, CaseControllerInstalls},
		{
			KindUnit, []string{"k0scontroller.service", "k0scontroller.service.d/k0smotron.conf"}, CaseControllerInstalls,
		},
		{KindFlag, []string{
			"install controller --force", "install controller --env", "install controller --config",
			"install controller --enable-dynamic-config", "install controller --disable-components",
			"install controller --data-dir", "install controller --ignore-pre-flight-checks",
			"install controller --enable-worker", "install controller --no-taints", "install controller --labels",
			"install controller --taints", "install controller --profile", "install controller --kubelet-extra-args",
			"install controller --logging",
		}, CaseControllerInstalls},
		{KindFlag, []string{"install controller --token-file"}, CaseControllerJoins},
		{KindCommand, []string{"status"}, CaseMachineController},
		{KindFile, []string{"etcd/member/snap/db"}, CaseMachineController},
		{KindKey, []string{"storage.etcd.extraArgs.*"}, CaseMachineController},
		{KindFile, []string{
			"k0s.yaml 0600 root:root", "pki/ca.crt 0644 root:root", "pki/ca.key 0600 root:root",
			"pki/front-proxy-ca.crt 0644 root:root", "pki/front-proxy-ca.key 0600 root:root", "pki/sa.pub 0644 root:root",
			"pki/sa.key 0600 root:root", "pki/etcd/ca.crt 0644 root:root", "pki/etcd/ca.key 0600 root:root",
		}, CaseMachineFiles},
	}
}

func hostedRules() []rule {
	return []rule{
		{KindCommand, []string{"install worker"}, CaseWorkerInstalls},
		{KindCommand, []string{"controller"}, CaseFlagsAreChecked},
		{KindUnit, []string{"k0sworker.service"}, CaseWorkerInstalls},
		{KindFlag, []string{
			"install worker --force", "install worker --token-file", "install worker --labels", "install worker --taints",
			"install worker --kubelet-extra-args", "install worker --enable-cloud-provider", "install worker --data-dir",
			"install worker --env", "install worker --profile",
		}, CaseWorkerInstalls},
		{
			KindFlag,
			[]string{
				"controller --config",
				"controller --enable-dynamic-config",
				"controller --disable-components",
				"controller --logging",
			},
			CaseControllerRuns,
		},
		{KindFile, []string{"join-token 0600 root:root", "kubelet.conf"}, CaseWorkerJoins},
		{KindFile, []string{
			"k0s.yaml", "authentication.yaml", "pki/ca.crt", "pki/ca.key", "pki/front-proxy-ca.crt", "pki/front-proxy-ca.key",
			"pki/sa.pub", "pki/sa.key", "pki/etcd-ca.crt", "pki/apiserver-etcd-client.crt", "pki/apiserver-etcd-client.key",
		}, CaseFilesAreUsed},
		{KindPort, []string{"api", "konnectivity"}, CaseControllerRuns},
		{KindProbe, []string{"/livez?exclude=etcd", "/livez", "/readyz", "tcp"}, CaseProbesAnswer},
		{KindCapability, []string{"CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID"}, CaseControllerRuns},
		{KindSandbox, []string{
			"read-only root file system", "no new privileges", "writable /var/lib/k0s", "writable /run", "writable /tmp",
		}, CaseControllerRuns},
		{KindComponent, []string{"autopilot", "control-api", "update-prober", "coredns", "metrics-server"}, CaseDisabled},
		{
			KindKey,
			[]string{
				"api.externalAddress",
				"api.port",
				"api.sans",
				"api.extraArgs",
				"konnectivity.agentPort",
				"konnectivity.externalAddress",
				"network.clusterDomain",
				"network.podCIDR",
				"network.provider",
				"network.serviceCIDR",
				"storage.type",
				"storage.etcd.externalCluster.*",
			},
			CaseConfigTakesPlace,
		},
		{KindKey, []string{"storage.kine.dataSource"}, CaseKineIsStarted},
		{KindClusterKey, []string{
			"konnectivity.agentPort", "konnectivity.externalAddress", "network.podCIDR", "network.provider", "workerProfiles",
			"network.kubeProxy.disabled", "network.kubeProxy.mode", "controllerManager.extraArgs", "scheduler.extraArgs",
			"telemetry.enabled",
		}, CaseClusterWide},
	}
}

// CaseOf is the case that holds k0s to a fact, if there is one.
func CaseOf(fact Fact) (Case, bool) {
	for _, rule := range rules() {
		for _, pattern := range rule.patterns {
			if rule.kind == fact.Kind && fits(pattern, fact.Name) {
				return rule.cases, true
			}
		}
	}
	return "", false
}

func fits(pattern, name string) bool {
	beginning, open := strings.CutSuffix(pattern, "*")
	return pattern == name || open && strings.HasPrefix(name, beginning)
}
