// SPDX-License-Identifier: Apache-2.0

// Package framework is what the scenarios are written with: clusters in the lab, and waits that say what they waited for.
package framework

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k0smotron/k0smotron/e2e/lab/command"
	"github.com/k0smotron/k0smotron/e2e/lab/download"
	"github.com/k0smotron/k0smotron/e2e/lab/layout"
	"github.com/k0smotron/k0smotron/e2e/lab/lifecycle"
	"github.com/k0smotron/k0smotron/e2e/lab/machine/agent"
	"github.com/k0smotron/k0smotron/e2e/lab/machines"
	"github.com/k0smotron/k0smotron/e2e/lab/mgmt"
)

// Namespace is where the scenarios' clusters live.
const Namespace = "default"

// ScenarioLabel is on every Cluster that a scenario makes, so that the next run knows what one that was killed has left.
const ScenarioLabel = "lab.k0smotron.io/scenario"

// Lab is a running lab.
type Lab struct {
	*lifecycle.Lab

	// Config and Client reach the management cluster as its administrator.
	Config *rest.Config
	Client client.Client
	// Agent makes machines fail.
	Agent *agent.Client
}

// Run runs the tests of a package in the lab: it brings up what is not up yet, puts right what a run that was killed has
// left, and gives the lab to the tests. The result is for os.Exit.
func Run(m *testing.M, lab **Lab) int {
	ctx := context.Background()
	started, err := start(ctx)
	if err == nil {
		err = started.putRight(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "scenarios:", err)
		return 1
	}
	*lab = started
	return m.Run()
}

func start(ctx context.Context) (*Lab, error) {
	lab, err := lifecycle.New(os.Stdout)
	if err != nil {
		return nil, err
	}
	if err := lab.Up(ctx); err != nil {
		return nil, err
	}
	if err := lab.Init(ctx); err != nil {
		return nil, err
	}
	return attach(lab)
}

// attach connects to a lab that is up.
func attach(lab *lifecycle.Lab) (*Lab, error) {
	config, err := clientcmd.BuildConfigFromFlags("", lab.Paths.Kubeconfig())
	if err != nil {
		return nil, fmt.Errorf("reading the kubeconfig of the management cluster: %w", err)
	}
	// A look at all objects is a request for each kind.
	config.QPS, config.Burst = 200, 400
	c, err := client.New(config, client.Options{})
	if err != nil {
		return nil, fmt.Errorf("connecting to the management cluster: %w", err)
	}
	return &Lab{Lab: lab, Config: config, Client: c, Agent: agent.NewClient(machines.Socket(lab.Paths))}, nil
}

// putRight undoes what scenarios do to the lab, for when they could not do so themselves, and deletes their clusters.
func (l *Lab) putRight(ctx context.Context) error {
	if err := l.Agent.SetFaults(ctx, download.Faults{}); err != nil {
		return err
	}
	if _, err := mgmt.Kubectl(ctx, l.Paths, "uncordon", layout.NodeName); err != nil {
		return err
	}
	installed, err := l.installed(ctx)
	if err != nil {
		return err
	}
	for _, manager := range installed {
		if err := l.restoreManager(ctx, manager); err != nil {
			return err
		}
	}
	if err := l.DeleteLeftovers(ctx); err != nil {
		return err
	}
	return l.removeEtcd(ctx) // The last that used it is gone.
}

// DeleteLeftovers deletes the clusters that scenarios have made, and waits until they are gone. Nobody deletes one that is
// paused.
func (l *Lab) DeleteLeftovers(ctx context.Context) error {
	left, err := l.kubectl(ctx, "get", "clusters.cluster.x-k8s.io", "--selector", ScenarioLabel, "-o", "name")
	if err != nil {
		return err
	}
	for name := range strings.FieldsSeq(left) {
		if err := l.resume(ctx, name); err != nil {
			return err
		}
	}
	_, err = mgmt.Kubectl(ctx, l.Paths, "--namespace", Namespace, "delete", "clusters.cluster.x-k8s.io",
		"--selector", ScenarioLabel, "--ignore-not-found", "--timeout=5m")
	return err
}

// resume ends the pause of a cluster, which is named as kubectl names it.
func (l *Lab) resume(ctx context.Context, cluster string) error {
	_, err := l.kubectl(ctx, "patch", cluster, "--type=merge", "--patch", `{"spec":{"paused":false}}`)
	return err
}

// Kubectl runs kubectl against the management cluster, in the scenarios' namespace.
func (l *Lab) Kubectl(t *testing.T, args ...string) string {
	t.Helper()
	output, err := l.kubectl(context.WithoutCancel(t.Context()), args...)
	require.NoError(t, err)
	return output
}

func (l *Lab) kubectl(ctx context.Context, args ...string) (string, error) {
	return mgmt.Kubectl(ctx, l.Paths, append([]string{"--namespace", Namespace}, args...)...)
}

// feed runs kubectl with manifests to read.
func (l *Lab) feed(ctx context.Context, manifests string, args ...string) error {
	args = append([]string{"--kubeconfig=" + l.Paths.Kubeconfig()}, append(args, "-f", "-")...)
	return command.Feed(ctx, strings.NewReader(manifests), l.Paths.Kubernetes("kubectl"), args...)
}

// manifests are those of a folder of testdata under another name, marked as a scenario's.
func (l *Lab) manifests(t *testing.T, folder, name string, changes ...Change) string {
	t.Helper()
	manifests, err := machines.Manifests(l.Paths, filepath.Join(l.Paths.Repo, "e2e", "testdata", folder))
	require.NoError(t, err)
	const cluster = "kind: Cluster\nmetadata:\n"
	changes = append(changes, Replace(t, cluster, cluster+"  labels:\n    "+ScenarioLabel+": \"\"\n"))
	for _, change := range changes {
		manifests = change(manifests)
	}
	return strings.ReplaceAll(manifests, "demo", name)
}

// unanswered is how the API server says that it did not reach a webhook, or does not trust it yet.
var unanswered = regexp.MustCompile(`failed calling webhook|conversion webhook for .* failed`)

// webhooksAnswer waits until no webhook is in the way of the manifests: after a manager has started, some time passes
// until kube-proxy knows where it is, and until the API server has been told its certificate.
func (l *Lab) webhooksAnswer(t *testing.T, manifests string) {
	t.Helper()
	Eventually(t, 2*time.Minute, func() error {
		err := l.feed(t.Context(), manifests, "apply", "--server-side", "--force-conflicts", "--dry-run=server")
		if err == nil || !unanswered.MatchString(err.Error()) {
			return nil // Another refusal is told by the real attempt.
		}
		return err
	})
}
