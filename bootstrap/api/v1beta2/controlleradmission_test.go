// SPDX-License-Identifier: Apache-2.0

package v1beta2_test

import (
	"maps"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
)

// controllerRefusals are those that only controllers have; see refusalsOfControllers for the rest.
var controllerRefusals = map[string]refused{
	"RoleMissing":    {`role: null`, "spec.role"},
	"RoleUnknown":    {`role: Second`, `supported values: "First", "Joining"`},
	"ArgsTwice":      {`args: [--debug, --debug=true]`, "every flag may occur only once (except --env)"},
	"ArgsValueApart": {`args: [--profile, gpu]`, "an argument has the form --flag or --flag=value"},
	"ArgsShort":      {`args: ["-c=/x"]`, "an argument has the form --flag or --flag=value"},
	"ArgsQuotes":     {`args: ['--kubelet-extra-args="--v=2"']`, "leave out the quotation marks"},
	"ArgsTemplate":   {`args: ["--profile={{ x }}"]`, "arguments are not templates"},
	"ArgsToken":      {`args: [--token-file=/x]`, "the join token is set by k0smotron"},
	"ArgsTokenEnv":   {`args: [--env=K0S_TOKEN=abc]`, "the join token is set by k0smotron"},
	"ArgsConfig":     {`args: [--config=/x]`, "use k0s instead of --config"},
	"ArgsDynamic": {
		`args: [--enable-dynamic-config=false]`,
		"--enable-dynamic-config is always set: cluster-wide settings live in the cluster",
	},
	"ArgsHostname":     {`args: [--env=AUTOPILOT_HOSTNAME=x]`, "AUTOPILOT_HOSTNAME is set by k0smotron"},
	"ArgsStatusSocket": {`args: [--status-socket=/x]`, "--status-socket stays where k0s puts it"},
	"ArgsSingle":       {`args: [--single]`, "--single makes a cluster that nobody can join"},
	"ArgsForce":        {`args: [--force]`, "--force, --start and --init-only are decided by k0smotron"},
	"ArgsStart":        {`args: [--start=true]`, "--force, --start and --init-only are decided by k0smotron"},
	"ArgsInitOnly":     {`args: [--init-only]`, "--force, --start and --init-only are decided by k0smotron"},
	"ArgsControlAPI": {
		`args: ["--disable-components=autopilot,control-api"]`, "control-api cannot be disabled: controllers join through it",
	},
	"ArgsOurLabel": {
		`args: ["--labels=a=b,k0smotron.io/machine-name=x"]`, "labels of k0smotron.io are set by k0smotron itself",
	},
	"ArgsKubeletLabels": {
		`args: ["--kubelet-extra-args=--node-labels=a=b"]`, "use --labels instead of the kubelet's --node-labels",
	},
	"ArgsKubeletTaints": {
		`args: ["--kubelet-extra-args=--register-with-taints=a"]`,
		"use --taints instead of the kubelet's --register-with-taints",
	},
	"ArgsDataDir": {`args: [--data-dir=relative]`, "--data-dir needs an absolute path"},
	"FileK0sYAML": {
		`files: [{path: /etc/k0s/k0s.yaml, content: x}]`, "/etc/k0s/k0s.yaml is made from k0s",
	},
	"K0sNoObject": {`k0s: text`, "spec.k0s in body must be of type object"},
	"NodeLabels":  {`nodeLabels: {a: b}`, `unknown field "spec.nodeLabels"`},
	"Tunneling":   {`tunneling: {enabled: true}`, `unknown field "spec.tunneling"`},
}

var controllerAccepts = map[string]string{
	"First":   `role: First`,
	"Joining": `role: Joining`,
	"K0s":     `k0s: {apiVersion: k0s.k0sproject.io/v1beta1, kind: ClusterConfig, spec: {api: {port: 6443}, anything: [1]}}`,
	"Worker":  `args: [--enable-worker, --no-taints, "--labels=a=b,c=d", "--taints=a=b:NoSchedule", --data-dir=/data/k0s]`,
	"Args":    `args: ["--disable-components=autopilot,helm", --env=A=b, --env=C=d, "--kubelet-extra-args=--v=2"]`,
}

// sharedRules are the names of cases about fields that both kinds have.
var sharedRules = regexp.MustCompile("^(Version|File|URL|Checksum|PreInstalled|InstallDir|Secret)")

func refusalsOfControllers() map[string]refused {
	all := maps.Clone(controllerRefusals)
	for name, test := range refusals {
		if sharedRules.MatchString(name) {
			all[name] = test
		}
	}
	return all
}

// controllerConfig is a first controller unless the spec says otherwise; a null takes the role out.
func controllerConfig(t *testing.T, namespace, name, spec string) *unstructured.Unstructured {
	t.Helper()
	content := map[string]any{"role": "First"}
	maps.Copy(content, parse(t, spec))
	maps.DeleteFunc(content, func(_ string, value any) bool { return value == nil })
	return object(t, "K0sControllerConfig", namespace, name, map[string]any{"spec": content})
}

func TestAdmissionRefusesControllers(t *testing.T) {
	t.Parallel()
	namespace := env.Namespace(t)
	for name, test := range refusalsOfControllers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := env.Client.Create(t.Context(), controllerConfig(t, namespace, name, test.spec), strict)
			require.Error(t, err, "accepted")
			require.True(t, apierrors.IsInvalid(err) || apierrors.IsBadRequest(err), "%v", err)
			assert.Contains(t, err.Error(), test.message)
		})
	}
}

func TestAdmissionAcceptsControllers(t *testing.T) {
	t.Parallel()
	namespace := env.Namespace(t)
	for name, spec := range controllerAccepts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.NoError(t, env.Client.Create(t.Context(), controllerConfig(t, namespace, name, spec), strict))
		})
	}
}

// TestTheRoleIsImmutable holds because a machine cannot become what it was not made as.
func TestTheRoleIsImmutable(t *testing.T) {
	t.Parallel()
	config := controllerConfig(t, env.Namespace(t), "role", `role: Joining`)
	require.NoError(t, env.Client.Create(t.Context(), config, strict))
	require.NoError(t, unstructured.SetNestedField(config.Object, "First", "spec", "role"))
	require.ErrorContains(t, env.Client.Update(t.Context(), config), "role cannot be changed")
}

// TestEveryRuleOfControllersHasACase compares the messages in the schema with those that the tables provoke. That the
// role cannot be changed has a test of its own.
func TestEveryRuleOfControllersHasACase(t *testing.T) {
	t.Parallel()
	provoked := strings.Builder{}
	provoked.WriteString("role cannot be changed: a machine that was the first controller of a cluster cannot join it, " +
		"nor the other way round")
	namespace := env.Namespace(t)
	for name, test := range refusalsOfControllers() {
		if err := env.Client.Create(t.Context(), controllerConfig(t, namespace, name, test.spec), strict); err != nil {
			provoked.WriteString(err.Error())
		}
	}
	for _, message := range ruleMessages(loadCRDs(t)["k0scontrollerconfigs.bootstrap.cluster.x-k8s.io"].
		Spec.Versions[0].Schema.OpenAPIV3Schema) {
		assert.Contains(t, provoked.String(), message)
	}
}

func TestRunsWorker(t *testing.T) {
	t.Parallel()
	for argument, want := range map[bootstrapv1.ControllerArg]bool{
		"--enable-worker": true, "--enable-worker=true": true, "--enable-worker=1": true, "--enable-worker=t": true,
		"--enable-worker=false": false, "--enable-worker=0": false, "--enable-k0s-cloud-provider": false,
	} {
		spec := bootstrapv1.K0sConfigSpec{Args: []bootstrapv1.ControllerArg{"--debug", argument}}
		assert.Equal(t, want, spec.RunsWorker(), argument)
	}
	assert.False(t, (&bootstrapv1.K0sConfigSpec{}).RunsWorker())
}
