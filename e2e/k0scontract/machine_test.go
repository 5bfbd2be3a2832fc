// SPDX-License-Identifier: Apache-2.0

//go:build k0scontract

package k0scontract

import (
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/clock"
	"sigs.k8s.io/yaml"

	"github.com/k0smotron/k0smotron/e2e/lab/layout"
	"github.com/k0smotron/k0smotron/shared/jointoken"
	"github.com/k0smotron/k0smotron/shared/pki"
)

// dataDir is the only data directory that a node has.
const dataDir = "/var/lib/k0s"

// standsIn is whether the k0s that is tested is the lab's stand-in.
func standsIn(t *testing.T) bool {
	t.Helper()
	paths, err := layout.Default(repoRoot(t))
	require.NoError(t, err)
	return strings.Contains(testedK0s(t, paths).Origin, "stand-in")
}

func (u UserData) has(flag string) bool {
	return slices.ContainsFunc(u.flags(), func(argument string) bool { return flagName(argument) == flag })
}

// TestControllerInstalls runs the one k0s command of every golden user data of a controller.
func TestControllerInstalls(t *testing.T) {
	ran(CaseControllerInstalls)
	for name, user := range goldenControllers(t) {
		t.Run(name, func(t *testing.T) {
			n := newNode(t, "controller", nil, nil)
			for at, file := range user.Files {
				if strings.HasPrefix(at, "/etc/") {
					n.write(t, at, file.Content, file.Mode)
				}
			}
			if standsIn(t) && (user.has("--enable-worker") || user.has("--token-file")) {
				code, output := n.exitCode(t, append([]string{"k0s"}, user.Arguments...)...)
				assert.Equal(t, 1, code)
				assert.Contains(t, output, "K0S_BINARY", "the stand-in says what to do")
				t.Skip("skipped: the stand-in runs no kubelet on a controller and joins no cluster")
			}
			n.assertInstalls(t, user)
			for at, file := range user.Files {
				if strings.HasPrefix(at, unitDir) {
					assert.Equal(t, file.Content, n.read(t, at), "installing k0s leaves %s as it is", at)
				}
			}
		})
	}
}

// TestMachineController runs every golden first controller as its machine does.
func TestMachineController(t *testing.T) {
	ran(CaseMachineController)
	ran(CaseMachineFiles)
	for name, user := range goldenControllers(t) {
		t.Run(name, func(t *testing.T) {
			if user.has("--enable-worker") || user.has("--token-file") || path.Dir(user.Parameters["pki_dir"]) != dataDir {
				t.Skip("skipped: not a first controller without a kubelet")
			}
			c := prepareMachine(t, user)
			if c.config.Spec.Storage.Type == "kine" || len(c.config.Spec.Storage.Etcd.ExternalCluster.Endpoints) > 0 {
				t.Skip("skipped: its state is not on the machine; pods with such storage are tested")
			}
			code, _ := c.exitCode(t, "k0s", "status")
			assert.Equal(t, 1, code, "before it runs k0s has no status")
			c.startMachine(t, user)
			life := c.life(t)
			runCase(t, CaseMachineController, func(t *testing.T) { c.caseMachineController(t, user) })
			runCase(t, CaseMachineFiles, func(t *testing.T) { c.caseMachineFiles(t, user) })
			require.Zero(t, c.k0s.stop(t))
			c.startMachine(t, user)
			require.Eventually(t, func() bool { return c.life(t) != life }, patience, time.Second,
				"each start is another life of the member")
			c.k0s.stop(t) // k0s ends with 1 when it is asked to stop while it still starts its last components.
		})
	}
}

// prepareMachine makes a node with the files of a machine. Its host name is not the Machine's, from which all names come.
func prepareMachine(t *testing.T, user UserData) *controlPlane {
	t.Helper()
	c := &controlPlane{pairs: map[pki.Purpose]pki.Pair{}}
	require.NoError(t, yaml.Unmarshal([]byte(user.Files[configPath].Content), &c.config))
	if c.config.Spec.API.Port == 0 {
		c.config.Spec.API.Port = 6443
	}
	issuer := pki.Issuer{Clock: clock.RealClock{}, Random: rand.Reader}
	c.node = newNode(t, "another-name", c.hosts(), nil)
	for at, file := range user.Files {
		if strings.HasPrefix(at, "/etc/") {
			c.write(t, at, file.Content, file.Mode)
		}
	}
	for _, purpose := range pki.Purposes() {
		pair, err := issuer.Pair(purpose)
		require.NoError(t, err)
		c.pairs[purpose] = pair
		for name, content := range map[string][]byte{purpose.Files().Cert: pair.Cert, purpose.Files().Key: pair.Key} {
			if file, placed := user.Files[user.Parameters["pki_dir"]+"/"+name]; placed {
				c.write(t, path.Join("data/pki", name), string(content), file.Mode)
			}
		}
	}
	c.trust(t, issuer)
	return c
}

// startMachine starts k0s with the flags and the environment that its unit has and waits until it says that it runs.
func (c *controlPlane) startMachine(t *testing.T, user UserData) {
	t.Helper()
	command, arguments := []string{"env"}, []string{"k0s", "controller"}
	for _, flag := range user.flags() {
		if variable, found := strings.CutPrefix(flag, "--env="); found {
			command = append(command, variable)
		} else if flag != "--force" {
			arguments = append(arguments, flag)
		}
	}
	c.k0s = c.start(t, "k0s", append(command, arguments...)...)
	require.Eventually(t, func() bool { return c.status(c.client(asAdmin), "/readyz") == http.StatusOK },
		2*time.Minute, 100*time.Millisecond, "the API server did not become ready")
	require.Eventually(t, func() bool { return c.run(t.Context(), "k0s", "status") == nil },
		patience, time.Second, "k0s has a status once it runs")
}

// life is which life of its member of etcd the controller has told.
func (c *controlPlane) life(t *testing.T) string {
	t.Helper()
	member := c.object(t, members, c.config.Spec.Storage.Etcd.ExtraArgs["name"])
	return member.GetLabels()["k0s.k0sproject.io/shutdown-on-leave"]
}

var (
	members      = schema.GroupVersionResource{Group: "etcd.k0sproject.io", Version: "v1beta1", Resource: "etcdmembers"}
	controlNodes = schema.GroupVersionResource{
		Group: "autopilot.k0sproject.io", Version: "v1beta2", Resource: "controlnodes",
	}
)

// object waits until an object that has no namespace is there.
func (c *controlPlane) object(
	t *testing.T,
	resource schema.GroupVersionResource,
	name string,
) *unstructured.Unstructured {
	t.Helper()
	var object *unstructured.Unstructured
	require.Eventually(t, func() (there bool) {
		var err error
		object, err = c.dynamic(t).Resource(resource).Get(t.Context(), name, metav1.GetOptions{})
		return err == nil && object.Object["status"] != nil
	}, patience, time.Second, "%s %s", resource.Resource, name)
	return object
}

func (c *controlPlane) caseMachineController(t *testing.T, user UserData) {
	t.Helper()
	arguments := c.config.Spec.Storage.Etcd.ExtraArgs
	require.NotEmpty(t, arguments["name"])
	etcd := c.commandLine(t.Context(), "etcd")
	for flag, value := range arguments {
		assert.Contains(t, etcd, "--"+flag+"="+value+"\n")
	}
	require.NoError(t, c.run(t.Context(), "test", "-s", user.Parameters["joined_file"]), "etcd's data are where we look")

	member := c.object(t, members, arguments["name"])
	conditions, _, err := unstructured.NestedSlice(member.Object, "status", "conditions")
	require.NoError(t, err)
	require.Len(t, conditions, 1)
	assert.Equal(
		t,
		"Joined True",
		fmt.Sprint(conditions[0].(map[string]any)["type"], " ", conditions[0].(map[string]any)["status"]),
	)
	lease := member.GetLabels()["k0s.k0sproject.io/controller-lease"]
	require.NotEmpty(t, lease)
	c.assertRenewed(t, lease, member.GetLabels()["k0s.k0sproject.io/shutdown-on-leave"])

	for _, flag := range user.flags() {
		if name, found := strings.CutPrefix(flag, "--env=AUTOPILOT_HOSTNAME="); found {
			node := c.object(t, controlNodes, name)
			version, _, err := unstructured.NestedString(node.Object, "status", "k0sVersion")
			require.NoError(t, err)
			assert.Equal(t, strings.TrimSpace(c.output(t, "k0s", "version")), version)
		}
	}
	if !standsIn(t) {
		connection, err := c.dial(t.Context(), "tcp", "127.0.0.1:9443")
		require.NoError(t, err, "others join here")
		require.NoError(t, connection.Close())
	}
}

// assertRenewed checks that a controller's lease is held by this life of it, and renewed within the time after which the
// provider calls it unhealthy.
func (c *controlPlane) assertRenewed(t *testing.T, name, life string) {
	t.Helper()
	leases := c.kube(t).CoordinationV1().Leases("kube-node-lease")
	first, err := leases.Get(t.Context(), name, metav1.GetOptions{})
	require.NoError(t, err)
	require.NotNil(t, first.Spec.HolderIdentity)
	assert.Equal(t, life, *first.Spec.HolderIdentity)
	require.Eventually(t, func() bool {
		now, err := leases.Get(t.Context(), name, metav1.GetOptions{})
		return err == nil && now.Spec.RenewTime.After(first.Spec.RenewTime.Time)
	}, 30*time.Second, time.Second, "the lease is renewed")
}

func (c *controlPlane) caseMachineFiles(t *testing.T, user UserData) {
	t.Helper()
	for _, purpose := range pki.Purposes() {
		for name, content := range map[string][]byte{
			purpose.Files().Cert: c.pairs[purpose].Cert, purpose.Files().Key: c.pairs[purpose].Key,
		} {
			at := user.Parameters["pki_dir"] + "/" + name
			if _, placed := user.Files[at]; placed {
				assert.Equal(t, string(content), c.read(t, at), "k0s uses %s and makes none of its own", at)
			}
		}
	}
	open := c.output(t, "find", dataDir+"/pki", "-name", "*.key", "-perm", "/037")
	assert.Empty(t, open, "keys that others can read")
	assert.Equal(t, "600\n", c.output(t, "stat", "-c", "%a", configPath))
	for _, agreed := range []string{"server.crt", "k0s-api.crt", "etcd/peer.crt"} {
		assert.Contains(t, c.serials(t), agreed)
	}
}

// TestControllerJoins looks whether k0s asks the member that the token names, with the token, although the certificates
// are there already.
func TestControllerJoins(t *testing.T) {
	ran(CaseControllerJoins)
	for name, user := range goldenControllers(t) {
		t.Run(name, func(t *testing.T) {
			if !user.has("--token-file") || user.has("--enable-worker") || path.Dir(user.Parameters["pki_dir"]) != dataDir {
				t.Skip("skipped: not a joining controller without a kubelet")
			}
			c := prepareMachine(t, user)
			token, err := jointoken.New(rand.Reader)
			require.NoError(t, err)
			text, err := jointoken.Join{
				Role: jointoken.Controller, URL: "https://127.0.0.1:9443", CA: c.pairs[pki.KubernetesCA].Cert, Token: token,
			}.Encode()
			require.NoError(t, err)
			c.write(t, joinPath, text, user.Files[joinPath].Mode)
			asked := c.serveJoins(t)
			if standsIn(t) {
				code, output := c.exitCode(t, "k0s", "controller", "--config="+configPath, "--token-file="+joinPath)
				assert.Equal(t, 1, code)
				assert.Contains(t, output, "K0S_BINARY", "the stand-in says what to do")
				return
			}
			c.k0s = c.start(t, "k0s", "k0s", "controller", "--config="+configPath, "--token-file="+joinPath,
				"--ignore-pre-flight-checks")
			select {
			case request := <-asked:
				assert.Equal(t, "GET /v1beta1/ca Bearer "+token.String(), request)
			case <-time.After(patience):
				assert.Fail(t, "k0s did not ask to join")
			}
		})
	}
}

// serveJoins refuses whoever asks to join at port 9443 of the node, and tells what was asked.
func (c *controlPlane) serveJoins(t *testing.T) <-chan string {
	t.Helper()
	ca, err := pki.ParseCA(c.pairs[pki.KubernetesCA])
	require.NoError(t, err)
	issuer := pki.Issuer{Clock: clock.RealClock{}, Random: rand.Reader}
	leaf, err := issuer.Issue(ca, pki.EtcdServer("127.0.0.1"))
	require.NoError(t, err)
	certificate, err := tls.X509KeyPair(leaf.Cert, leaf.Key)
	require.NoError(t, err)
	asked := make(chan string, 100)
	server := &http.Server{
		ReadHeaderTimeout: 10 * time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked <- r.Method + " " + r.URL.Path + " " + r.Header.Get("Authorization")
			http.Error(w, "not today", http.StatusInternalServerError)
		}),
	}
	listener := tls.NewListener(c.listen(t, "127.0.0.1:9443"), &tls.Config{
		Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12,
	})
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return asked
}

// listen opens a port inside of the node's network.
func (n *node) listen(t *testing.T, at string) net.Listener {
	t.Helper()
	type result struct {
		listener net.Listener
		err      error
	}
	done := make(chan result, 1)
	go func() {
		// The thread is given up with the goroutine: it must not return to others in a foreign network.
		runtime.LockOSThread()
		namespace, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", n.pid))
		if err == nil {
			defer namespace.Close()
			err = unix.Setns(int(namespace.Fd()), unix.CLONE_NEWNET)
		}
		if err != nil {
			done <- result{err: err}
			return
		}
		listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", at)
		done <- result{listener, err}
	}()
	r := <-done
	require.NoError(t, r.err)
	return r.listener
}
