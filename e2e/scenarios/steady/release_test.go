// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package steady

import (
	"errors"
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/e2e/demo/progress"
	"github.com/k0smotron/k0smotron/e2e/framework"
)

// untouched is what a change of a control plane's resources does not reach: its storage, its CAs and its machines.
var untouched = regexp.MustCompile(
	`^pods\./release-etcd-0$|^statefulsets\.apps/release-etcd$|^persistentvolumeclaims\.|` +
		`^secrets\./release-(ca|etcd|proxy|sa)$|^machine|^k0sworkerconfig|^labmachine`,
)

// A new release changes nothing that runs, whatever it renders: an environment variable more in every pod stands for what
// is new in it. A condition says so, and the user's next change brings it.
func TestReleaseSafety(t *testing.T) {
	const name, variable = "release", "LAB_RELEASE"
	cluster := lab.Create(t, name)
	cluster.Works(t, 6*time.Minute)
	before := lab.Settled(t, 20*time.Second, 3*time.Minute).Of(name)
	require.Subset(t, before.Kinds(), clusterKinds)
	rollingOut := framework.Condition{Kind: "K0smotronControlPlane", Name: name, Type: "RollingOut", Status: "False"}
	pod := name + "-controlplane-0"
	env := func() string {
		return lab.Kubectl(t, "get", "pod", pod, "--ignore-not-found", "-o",
			`jsonpath={.spec.containers[?(@.name=="k0s")].env[?(@.name=="`+variable+`")].value}`)
	}

	lab.ChangeManager(t, framework.ControlPlaneManager, "--pod-env="+variable+"=next")
	lab.ChangeManager(t, framework.BootstrapManager)
	cluster.Says(t, rollingOut, "renders k0s in another way; what runs stays as it is", time.Minute)
	after := lab.Settled(t, 20*time.Second, 3*time.Minute).Of(name)
	require.Empty(t, cmp.Diff(before.Lasting(), after.Lasting()), "what the new release changed")
	require.Empty(t, env())

	lab.Kubectl(t, "patch", "k0smotroncontrolplane", name, "--type=merge", "--patch",
		`{"spec":{"resources":{"requests":{"cpu":"150m","memory":"768Mi"}}}}`)
	framework.Eventually(t, 3*time.Minute, func() error {
		if got := env(); got != "next" {
			return fmt.Errorf("pod %s has %s=%q", pod, variable, got)
		}
		if cpu := lab.Kubectl(t, "get", "pod", pod, "-o",
			`jsonpath={.spec.containers[?(@.name=="k0s")].resources.requests.cpu}`); cpu != "150m" {
			return errors.New("the user's change is not in the pod: it requests CPU " + cpu)
		}
		return nil
	})
	cluster.Becomes(t, framework.Condition{Kind: "K0smotronControlPlane", Name: name, Type: "Available", Status: "True"},
		5*time.Minute)
	cluster.Works(t, 5*time.Minute)
	changed := lab.Settled(t, 20*time.Second, 3*time.Minute).Of(name)
	status, _ := progress.Condition(cluster.Get(t, rollingOut.Kind, name), rollingOut.Type)
	assert.Equal(t, "False", status.Status)
	assert.Empty(t, status.Message, "no rendering waits any more")

	compared, have := 0, changed.Lasting()
	for key, was := range before.Lasting() {
		if untouched.MatchString(key) {
			compared++
			assert.Empty(t, cmp.Diff(was, have[key]), key)
		}
	}
	assert.GreaterOrEqual(t, compared, 12, "objects that must not notice")
}
