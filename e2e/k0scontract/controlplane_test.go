// SPDX-License-Identifier: Apache-2.0

//go:build k0scontract

package k0scontract

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/yaml"

	"github.com/k0smotron/k0smotron/shared/pki"
)

// nodeConfig is what the tests want to know of a k0s.yaml.
type nodeConfig struct {
	Spec struct {
		API struct {
			ExternalAddress string            `json:"externalAddress"`
			Port            int               `json:"port"`
			SANs            []string          `json:"sans"`
			ExtraArgs       map[string]string `json:"extraArgs"`
		} `json:"api"`
		Konnectivity struct {
			AgentPort       int    `json:"agentPort"`
			ExternalAddress string `json:"externalAddress"`
		} `json:"konnectivity"`
		Network struct {
			ClusterDomain string `json:"clusterDomain"`
			PodCIDR       string `json:"podCIDR"`
			Provider      string `json:"provider"`
			ServiceCIDR   string `json:"serviceCIDR"`
		} `json:"network"`
		Storage struct {
			Type string `json:"type"`
			Kine struct {
				DataSource string `json:"dataSource"`
			} `json:"kine"`
			Etcd struct {
				ExtraArgs       map[string]string `json:"extraArgs"`
				ExternalCluster struct {
					Endpoints      []string `json:"endpoints"`
					EtcdPrefix     string   `json:"etcdPrefix"`
					CAFile         string   `json:"caFile"`
					ClientCertFile string   `json:"clientCertFile"`
					ClientKeyFile  string   `json:"clientKeyFile"`
				} `json:"externalCluster"`
			} `json:"etcd"`
		} `json:"storage"`
	} `json:"spec"`
}

// controlPlane is a golden control plane on a node.
type controlPlane struct {
	*node
	hosted *Hosted
	config nodeConfig
	pairs  map[pki.Purpose]pki.Pair
	// files are the contents of the placed files, by path below the data directory.
	files map[string][]byte
	k0s   *service

	tls *tls.Config
}

// prepareControlPlane makes the node of a golden control plane with everything in its place but k0s.
func prepareControlPlane(t *testing.T, hosted *Hosted) *controlPlane {
	t.Helper()
	c := &controlPlane{hosted: hosted, pairs: map[pki.Purpose]pki.Pair{}}
	require.NoError(t, yaml.Unmarshal([]byte(hosted.Config[configFile]), &c.config))
	issuer := pki.Issuer{Clock: clock.RealClock{}, Random: rand.Reader}
	for _, purpose := range pki.Purposes() {
		pair, err := issuer.Pair(purpose)
		require.NoError(t, err)
		c.pairs[purpose] = pair
	}
	c.node = newNode(t, hosted.Name+"-0", c.hosts(), nil)
	etcdCA, err := pki.ParseCA(c.pairs[pki.EtcdCA])
	require.NoError(t, err)
	client, err := issuer.Issue(etcdCA, pki.EtcdClient())
	require.NoError(t, err)
	c.startEtcd(t, issuer, etcdCA)
	c.collectFiles(t, client)
	c.place(t)
	c.trust(t, issuer)
	return c
}

// hosts are the names in the golden configuration, which only the sandbox can resolve.
func (c *controlPlane) hosts() map[string]string {
	hosts := map[string]string{}
	for _, endpoint := range c.config.Spec.Storage.Etcd.ExternalCluster.Endpoints {
		if parsed, err := url.Parse(endpoint); err == nil {
			hosts[parsed.Hostname()] = "127.0.0.1"
		}
	}
	if host := hostOf(c.config.Spec.API.ExternalAddress); host != "" && strings.Trim(host, "0123456789.") != "" {
		hosts[host] = external
	}
	return hosts
}

func (c *controlPlane) startEtcd(t *testing.T, issuer pki.Issuer, ca pki.CA) {
	t.Helper()
	endpoints := c.config.Spec.Storage.Etcd.ExternalCluster.Endpoints
	if len(endpoints) == 0 {
		return
	}
	names := []string{"localhost", "127.0.0.1"}
	for _, endpoint := range endpoints {
		parsed, err := url.Parse(endpoint)
		require.NoError(t, err)
		names = append(names, parsed.Hostname())
	}
	server, err := issuer.Issue(ca, pki.EtcdServer(names...))
	require.NoError(t, err)
	for name, content := range map[string][]byte{"ca.crt": ca.PEM, "server.crt": server.Cert, "server.key": server.Key} {
		c.write(t, "etc/etcd/"+name, string(content), 0o600)
	}
	c.start(t, "etcd", "etcd", "--data-dir=/tmp/etcd", "--client-cert-auth", "--trusted-ca-file=/etc/etcd/ca.crt",
		"--cert-file=/etc/etcd/server.crt", "--key-file=/etc/etcd/server.key",
		"--listen-client-urls=https://127.0.0.1:2379", "--advertise-client-urls=https://127.0.0.1:2379")
}

// collectFiles finds out what the volume with the files holds, as the golden pod describes it.
func (c *controlPlane) collectFiles(t *testing.T, etcdClient pki.Pair) {
	t.Helper()
	authentication := readRepo(t, "controlplane-incluster/internal/desired/authentication.yaml")
	secrets := map[string]map[string][]byte{
		"k0s-config":            {"k0s.yaml": []byte(c.hosted.Config[configFile]), "authentication.yaml": authentication},
		"apiserver-etcd-client": {pki.CertKey: etcdClient.Cert, pki.PrivateKeyKey: etcdClient.Key},
	}
	for purpose, pair := range c.pairs {
		secrets[string(purpose)] = map[string][]byte{pki.CertKey: pair.Cert, pki.PrivateKeyKey: pair.Key}
	}
	c.files = map[string][]byte{}
	for file, source := range c.hosted.Files() {
		for _, item := range source.Secret.Items {
			if item.Path != file {
				continue
			}
			content := secretOf(secrets, source.Secret.Name)[item.Key]
			require.NotEmpty(t, content, "no content for %s: Secret %s has no key %s", file, source.Secret.Name, item.Key)
			c.files[file] = content
			c.write(t, path.Join("etc/files", file), string(content), 0o400)
		}
	}
}

// secretOf finds the content of a Secret by the end of its name, which follows the name of the cluster.
func secretOf(secrets map[string]map[string][]byte, name string) map[string][]byte {
	var longest string
	for suffix := range secrets {
		if strings.HasSuffix(name, "-"+suffix) && len(suffix) > len(longest) {
			longest = suffix
		}
	}
	return secrets[longest]
}

// place does what the init container does, under its restrictions.
func (c *controlPlane) place(t *testing.T) {
	t.Helper()
	c.write(t, "bin/manager", string(readFile(t, placer(t))), 0o755)
	container := c.hosted.Pod.InitContainers[0]
	var arguments []string
	for _, argument := range slices.Concat(container.Command, container.Args)[1:] {
		if strings.HasPrefix(argument, "--from=") {
			argument = "--from=/etc/files"
		}
		arguments = append(arguments, argument)
	}
	command := append(restrictions(t, container), "manager")
	require.NoError(t, c.run(t.Context(), append(command, arguments...)...))
}

// restrictions are the prefix of a command that runs under the security context of a container.
func restrictions(t *testing.T, container corev1.Container) []string {
	t.Helper()
	security := container.SecurityContext
	require.NotNil(t, security)
	require.NotNil(t, security.Capabilities)
	require.Equal(t, []corev1.Capability{"ALL"}, security.Capabilities.Drop)
	bounding := "-all"
	for _, capability := range security.Capabilities.Add {
		bounding += ",+" + strings.ToLower(string(capability))
	}
	prefix := []string{"setpriv", "--inh-caps=-all", "--bounding-set=" + bounding}
	if !*security.AllowPrivilegeEscalation {
		prefix = append(prefix, "--no-new-privs")
	}
	return append(prefix, "--")
}

func (c *controlPlane) trust(t *testing.T, issuer pki.Issuer) {
	t.Helper()
	ca, err := pki.ParseCA(c.pairs[pki.KubernetesCA])
	require.NoError(t, err)
	admin, err := issuer.Issue(ca, pki.Admin())
	require.NoError(t, err)
	pair, err := tls.X509KeyPair(admin.Cert, admin.Key)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(ca.Certificate)
	c.tls = &tls.Config{
		RootCAs:      roots,
		Certificates: []tls.Certificate{pair},
		ServerName:   "kubernetes",
		MinVersion:   tls.VersionTLS12,
	}
}

// startK0s starts k0s as the pod does and waits until the API server is ready. It returns how long that took.
func (c *controlPlane) startK0s(t *testing.T) time.Duration {
	t.Helper()
	container := c.hosted.container()
	begin := time.Now()
	c.k0s = c.start(t, "k0s", append(restrictions(t, container), append([]string{"k0s"}, c.hosted.Arguments()...)...)...)
	require.Eventually(t, func() bool { return c.status(c.client(asAdmin), "/readyz") == http.StatusOK },
		2*time.Minute, 100*time.Millisecond, "the API server did not become ready")
	return time.Since(begin)
}

type identity string

const (
	asAdmin     identity = "admin"
	asAnonymous identity = "anonymous"
)

func (c *controlPlane) client(who identity) *http.Client {
	config := c.tls.Clone()
	if who == asAnonymous {
		config.Certificates = nil
	}
	return &http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{
		TLSClientConfig: config, DialContext: c.dial, DisableKeepAlives: true,
	}}
}

// status is the HTTP status of a path of the API server, 0 when it does not answer.
func (c *controlPlane) status(client *http.Client, at string) int {
	answer, err := client.Get(c.url() + at)
	if err != nil {
		return 0
	}
	defer answer.Body.Close()
	return answer.StatusCode
}

func (c *controlPlane) url() string {
	return "https://127.0.0.1:" + strconv.Itoa(c.config.Spec.API.Port)
}

func (c *controlPlane) restConfig() *rest.Config {
	config := &rest.Config{Host: c.url(), QPS: 100, Burst: 100}
	config.Transport = c.client(asAdmin).Transport
	return config
}

func (c *controlPlane) kube(t *testing.T) kubernetes.Interface {
	t.Helper()
	client, err := kubernetes.NewForConfig(c.restConfig())
	require.NoError(t, err)
	return client
}

func (c *controlPlane) dynamic(t *testing.T) dynamic.Interface {
	t.Helper()
	client, err := dynamic.NewForConfig(c.restConfig())
	require.NoError(t, err)
	return client
}

// commandLine is how a program runs on the node, one argument a line, or "" when it does not run.
func (c *controlPlane) commandLine(ctx context.Context, program string) string {
	script := `for p in /proc/[0-9]*; do if [ "$(basename "$(readlink $p/exe)")" = "$1" ]; then tr '\0' '\n' <$p/cmdline; exit; fi; done`
	output, err := c.command(ctx, "sh", "-c", script, "sh", program).Output()
	if err != nil {
		return ""
	}
	return string(output)
}

func hostOf(address string) string {
	if strings.Count(address, ":") > 1 {
		return address
	}
	host, _, _ := strings.Cut(address, ":")
	return host
}
