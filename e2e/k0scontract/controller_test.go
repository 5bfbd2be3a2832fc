// SPDX-License-Identifier: Apache-2.0

//go:build k0scontract

package k0scontract

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k0smotron/k0smotron/shared/pki"
)

// testedMinor is the minor of the k0s that the lab runs.
const testedMinor = "v1.36"

const patience = 90 * time.Second

// TestController runs every golden control plane as its pod does.
func TestController(t *testing.T) {
	hosted := goldenHosted(t)
	for _, name := range slices.Sorted(maps.Keys(hosted)) {
		t.Run(name, func(t *testing.T) {
			c := prepareControlPlane(t, hosted[name])
			if c.config.Spec.Storage.Type == "kine" {
				runCase(t, CaseKineIsStarted, c.caseKineIsStarted)
				return
			}
			t.Logf("ready after %s", c.startK0s(t).Round(100*time.Millisecond))
			for _, test := range []struct {
				name Case
				run  func(*testing.T)
			}{
				{CaseControllerRuns, c.caseControllerRuns},
				{CaseProbesAnswer, c.caseProbesAnswer},
				{CaseConfigTakesPlace, c.caseConfigTakesPlace},
				{CaseDisabled, c.caseDisabled},
				{CaseFilesAreUsed, c.caseFilesAreUsed},
				{CaseClusterWide, c.caseClusterWide},
				{CaseRestartRenews, c.caseRestartRenews},
			} {
				runCase(t, test.name, test.run)
			}
		})
	}
}

func (c *controlPlane) caseControllerRuns(t *testing.T) {
	t.Helper()
	container := c.hosted.container()
	for _, port := range container.Ports {
		connection, err := c.dial(t.Context(), "tcp", "127.0.0.1:"+strconv.Itoa(int(port.ContainerPort)))
		require.NoError(t, err, "port %s", port.Name)
		require.NoError(t, connection.Close())
	}
	apiServer := c.commandLine(t.Context(), "kube-apiserver")
	for _, argument := range c.hosted.Arguments() {
		if level, found := strings.CutPrefix(argument, "--logging=kube-apiserver="); found {
			assert.Contains(t, apiServer, "--v="+level+"\n", "--logging")
		}
	}
	_, err := c.dynamic(t).Resource(clusterConfigs).Namespace("kube-system").List(t.Context(), metav1.ListOptions{})
	for begin := time.Now(); err != nil && time.Since(begin) < patience; time.Sleep(time.Second) {
		_, err = c.dynamic(t).Resource(clusterConfigs).Namespace("kube-system").List(t.Context(), metav1.ListOptions{})
	}
	require.NoError(t, err, "--enable-dynamic-config serves ClusterConfigs")
	output, err := c.command(t.Context(), "k0s", "status", "-o", "json").Output()
	require.NoError(t, err)
	var status struct{ Role, Version string }
	require.NoError(t, json.Unmarshal(output, &status))
	assert.Equal(t, "controller", status.Role)
}

func (c *controlPlane) caseProbesAnswer(t *testing.T) {
	t.Helper()
	container := c.hosted.container()
	anonymous := c.client(asAnonymous)
	readiness := container.ReadinessProbe
	if readiness.HTTPGet == nil {
		require.NotNil(t, readiness.TCPSocket)
		assert.Equal(t, http.StatusUnauthorized, c.status(anonymous, "/readyz"), "without the file nobody is anonymous")
		return
	}
	assert.Equal(t, http.StatusOK, c.status(anonymous, container.StartupProbe.HTTPGet.Path))
	assert.Equal(t, http.StatusOK, c.status(anonymous, container.LivenessProbe.HTTPGet.Path))
	assert.Equal(t, http.StatusOK, c.status(anonymous, readiness.HTTPGet.Path))
	for _, path := range []string{"/", "/api", "/apis", "/healthz", "/metrics", "/version", "/livez/etcd", "/api/v1/namespaces"} {
		assert.Contains(t, []int{http.StatusUnauthorized, http.StatusForbidden}, c.status(anonymous, path), path)
	}

	require.NoError(t, c.run(t.Context(), "sh", "-c", "kill -STOP $(cat /run/etcd.node.pid)"))
	assert.Eventually(t, func() bool { return c.status(anonymous, readiness.HTTPGet.Path) != http.StatusOK },
		patience, time.Second, "without etcd nothing is ready")
	assert.Equal(t, http.StatusOK, c.status(anonymous, container.LivenessProbe.HTTPGet.Path), "liveness leaves etcd out")
	require.NoError(t, c.run(t.Context(), "sh", "-c", "kill -CONT $(cat /run/etcd.node.pid)"))
	require.Eventually(t, func() bool { return c.status(anonymous, readiness.HTTPGet.Path) == http.StatusOK },
		patience, time.Second)
}

func (c *controlPlane) caseConfigTakesPlace(t *testing.T) {
	t.Helper()
	spec := c.config.Spec
	apiServer := c.commandLine(t.Context(), "kube-apiserver")
	etcd := spec.Storage.Etcd.ExternalCluster
	flags := map[string]string{
		"secure-port": strconv.Itoa(spec.API.Port), "etcd-prefix": etcd.EtcdPrefix,
		"etcd-servers": strings.Join(etcd.Endpoints, ","), "etcd-cafile": etcd.CAFile,
		"etcd-certfile": etcd.ClientCertFile, "etcd-keyfile": etcd.ClientKeyFile,
	}
	maps.Copy(flags, spec.API.ExtraArgs)
	if spec.Network.ServiceCIDR != "" {
		flags["service-cluster-ip-range"] = spec.Network.ServiceCIDR
	}
	for flag, value := range flags {
		assert.Contains(t, apiServer, "--"+flag+"="+value+"\n")
	}
	agentPort := fmt.Sprintf("--agent-port=%d\n", spec.Konnectivity.AgentPort)
	assert.Contains(t, c.commandLine(t.Context(), "konnectivity-server"), agentPort)
	if spec.Network.PodCIDR != "" {
		require.Eventually(t, func() bool {
			return strings.Contains(
				c.commandLine(t.Context(), "kube-controller-manager"),
				"--cluster-cidr="+spec.Network.PodCIDR+"\n",
			)
		}, patience, time.Second, "podCIDR")
	}
	server := c.certificate(t, "server.crt")
	names := append(slices.Clone(server.DNSNames), textsOf(server)...)
	for _, name := range append(slices.Clone(spec.API.SANs), hostOf(spec.API.ExternalAddress)) {
		assert.Contains(t, names, name, "certificate of the API server")
	}
	c.checkWorkersView(t)
}

// checkWorkersView looks at what the configuration means for workers and their pods.
func (c *controlPlane) checkWorkersView(t *testing.T) {
	t.Helper()
	spec, kube := c.config.Spec, c.kube(t)
	var kubelet string
	require.Eventually(t, func() bool {
		profile, err := kube.CoreV1().
			ConfigMaps("kube-system").
			Get(t.Context(), "worker-config-default-1.36", metav1.GetOptions{})
		if err == nil {
			kubelet = profile.Data["kubeletConfiguration"]
		}
		return err == nil
	}, patience, time.Second, "worker profile")
	if spec.Network.ClusterDomain != "" {
		assert.Contains(t, kubelet, `"clusterDomain":"`+spec.Network.ClusterDomain+`"`)
	}
	endpoints, err := kube.CoreV1().Endpoints("default").Get(t.Context(), "kubernetes", metav1.GetOptions{})
	require.NoError(t, err)
	port := spec.API.Port
	if _, text, found := strings.Cut(spec.API.ExternalAddress, ":"); found {
		port, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	assert.EqualValues(t, port, endpoints.Subsets[0].Ports[0].Port, "pods use the external port")

	host, agentPort, found := strings.Cut(spec.Konnectivity.ExternalAddress, ":")
	if !found {
		return
	}
	require.Eventually(t, func() bool {
		agent, err := kube.AppsV1().DaemonSets("kube-system").Get(t.Context(), "konnectivity-agent", metav1.GetOptions{})
		if err != nil {
			return false
		}
		args := agent.Spec.Template.Spec.Containers[0].Args
		return slices.Contains(args, "--proxy-server-host="+host) && slices.Contains(args, "--proxy-server-port="+agentPort)
	}, patience, time.Second, "konnectivity agents")
	if spec.Network.Provider == "custom" {
		_, err = kube.AppsV1().DaemonSets("kube-system").Get(t.Context(), "kube-router", metav1.GetOptions{})
		assert.True(t, apierrors.IsNotFound(err), "provider custom")
	}
}

func (c *controlPlane) caseDisabled(t *testing.T) {
	t.Helper()
	kube := c.kube(t)
	for _, argument := range c.hosted.Arguments() {
		components, found := strings.CutPrefix(argument, "--disable-components=")
		if !found {
			continue
		}
		for component := range strings.SplitSeq(components, ",") {
			switch component {
			case "control-api":
				_, err := c.dial(t.Context(), "tcp", "127.0.0.1:9443")
				require.Error(t, err, "the join API")
			case "coredns", "metrics-server":
				_, err := kube.AppsV1().Deployments("kube-system").Get(t.Context(), component, metav1.GetOptions{})
				assert.True(t, apierrors.IsNotFound(err), component)
			case "autopilot":
				_, err := kube.Discovery().ServerResourcesForGroupVersion("autopilot.k0sproject.io/v1beta2")
				assert.True(t, apierrors.IsNotFound(err), component)
			case "update-prober":
				assert.NotContains(t, string(readFile(t, c.k0s.output.Name())), "starting UpdateProber")
			default:
				t.Errorf("nothing tells whether %s is disabled", component)
			}
		}
	}
}

func (c *controlPlane) caseFilesAreUsed(t *testing.T) {
	t.Helper()
	assert.Equal(t, "kubernetes-ca", c.certificate(t, "server.crt").Issuer.CommonName)
	authority, err := c.kube(t).
		CoreV1().
		ConfigMaps("kube-system").
		Get(t.Context(), "extension-apiserver-authentication", metav1.GetOptions{})
	require.NoError(t, err)
	assert.Equal(t, string(c.pairs[pki.FrontProxyCA].Cert), authority.Data["requestheader-client-ca-file"])
	assert.Equal(t, string(c.pairs[pki.KubernetesCA].Cert), authority.Data["client-ca-file"])
	apiServer := c.commandLine(t.Context(), "kube-apiserver")
	assert.Contains(t, apiServer, "--service-account-signing-key-file=/var/lib/k0s/pki/sa.key\n")
	for file, content := range c.files {
		assert.Equal(t, string(content), c.read(t, "/var/lib/k0s/"+file), "%s stays as it was placed", file)
		mode := strings.TrimSpace(c.output(t, "stat", "-c", "%a", "/var/lib/k0s/"+file))
		switch {
		case strings.HasSuffix(file, ".key"):
			assert.Contains(t, []string{"600", "640"}, mode, file)
		case strings.HasSuffix(file, ".crt"), strings.HasSuffix(file, ".pub"):
			assert.Equal(t, "644", mode, file)
		case file == "k0s.yaml":
			assert.Equal(t, "600", mode, file)
		default:
			assert.Equal(t, "644", mode, file)
		}
	}
	for _, key := range []string{"ca.key", "sa.key"} {
		assert.Equal(
			t,
			"kube-apiserver\n",
			c.output(t, "stat", "-c", "%U", "/var/lib/k0s/pki/"+key),
			"k0s gives %s away",
			key,
		)
	}
}

func (c *controlPlane) caseRestartRenews(t *testing.T) {
	t.Helper()
	before := c.serials(t)
	require.Zero(t, c.k0s.stop(t), "exit code of a controller that was asked to stop")
	for _, program := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "konnectivity-server"} {
		require.Eventually(
			t,
			func() bool { return c.commandLine(t.Context(), program) == "" },
			10*time.Second,
			time.Second,
			program,
		)
	}
	c.place(t)
	t.Logf("ready again after %s", c.startK0s(t).Round(100*time.Millisecond))
	after := c.serials(t)
	require.Len(t, after, len(before))
	require.Greater(t, len(after), len(c.files)/2)
	for file, serial := range before {
		if _, placed := c.files["pki/"+file]; placed {
			assert.Equal(t, serial, after[file], "%s was placed", file)
		} else {
			assert.NotEqual(t, serial, after[file], "%s is a leaf", file)
		}
	}
	c.k0s.stop(t) // k0s ends with 1 when it is asked to stop while it still starts its last components.
}

func (c *controlPlane) caseKineIsStarted(t *testing.T) {
	t.Helper()
	c.write(t, "bin/kine", "#!/bin/sh\nprintf '%s\\n' \"$@\" >/tmp/kine.arguments\nexec sleep 600\n", 0o755)
	container := c.hosted.container()
	k0s := c.start(t, "k0s", append(restrictions(t, container), append([]string{"k0s"}, c.hosted.Arguments()...)...)...)
	require.Eventually(t, func() bool {
		arguments, err := c.command(t.Context(), "cat", "/tmp/kine.arguments").Output()
		return err == nil && strings.Contains(string(arguments), "--endpoint="+c.config.Spec.Storage.Kine.DataSource+"\n")
	}, patience, 200*time.Millisecond, "kine gets the data source")
	k0s.stop(t)
}

// serials are the serial numbers of all certificates below the pki directory.
func (c *controlPlane) serials(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for file := range strings.FieldsSeq(c.output(t, "sh", "-c", "cd /var/lib/k0s/pki && find . -name '*.crt'")) {
		file = strings.TrimPrefix(file, "./")
		found[file] = c.certificate(t, file).SerialNumber.String()
	}
	return found
}

func (c *controlPlane) certificate(t *testing.T, file string) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode([]byte(c.read(t, "/var/lib/k0s/pki/"+file)))
	require.NotNil(t, block, file)
	certificate, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err, file)
	return certificate
}

func (c *controlPlane) output(t *testing.T, arguments ...string) string {
	t.Helper()
	output, err := c.command(t.Context(), arguments...).Output()
	require.NoError(t, err, "%v", arguments)
	return string(output)
}

func textsOf(certificate *x509.Certificate) []string {
	var texts []string
	for _, address := range certificate.IPAddresses {
		texts = append(texts, address.String())
	}
	return texts
}
