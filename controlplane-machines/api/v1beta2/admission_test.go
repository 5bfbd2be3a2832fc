// SPDX-License-Identifier: Apache-2.0

package v1beta2_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
)

// infra is where the infrastructure is named.
const infra = "machineTemplate: {spec: {infrastructureRef: {apiGroup: infrastructure.cluster.x-k8s.io, kind: A, name: a}}}\n"

// minimal is the shortest spec that is accepted.
const minimal = "version: v1.36.3+k0s.2\n" + infra

// machines is a spec with more fields of machineTemplate.spec.
func machines(fields string) string {
	return "version: v1.36.3+k0s.2\nmachineTemplate: {spec: {infrastructureRef: " +
		"{apiGroup: infrastructure.cluster.x-k8s.io, kind: A, name: a}, " + fields + "}}\n"
}

type refusal struct{ spec, message string }

// refusals has a case for every rule about a single object, by hand, that is not mere length.
var refusals = map[string]refusal{
	"NoVersion":         {infra, "spec.version: Required value"},
	"VersionOfImageTag": {"version: v1.36.3-k0s.2\n" + infra, "write vX.Y.Z+k0s.N with a plus sign"},
	"VersionNonsense":   {"version: latest\n" + infra, "version must be vX.Y.Z, vX.Y.Z+k0s or vX.Y.Z+k0s.N"},
	"VersionOther":      {"version: v1.36.3+k3s1\n" + infra, "version must be vX.Y.Z"},
	"VersionTooOld":     {"version: v1.30.14+k0s.0\n" + infra, "version is older than v1.31"},
	"NoReplica":         {minimal + "replicas: 0", "spec.replicas in body should be greater than or equal to 1"},
	"NoMachines":        {"version: v1.36.3+k0s.2", "spec.machineTemplate: Required value"},
	"NoInfrastructure": {
		"version: v1.36.3+k0s.2\nmachineTemplate: {spec: {deletion: {nodeDrainTimeoutSeconds: 1}}}",
		"machineTemplate.spec.infrastructureRef is required",
	},
	"OldInfrastructure": {
		"version: v1.36.3+k0s.2\nmachineTemplate: {infrastructureRef: {apiVersion: infrastructure.cluster.x-k8s.io/v1beta1, kind: A, name: a}}",
		"spec.machineTemplate.infrastructureRef: Invalid value: machineTemplate.infrastructureRef has moved: write " +
			"machineTemplate.spec.infrastructureRef with apiGroup, kind and name",
	},
	"OldReference": {
		"version: v1.36.3+k0s.2\nmachineTemplate: {spec: {infrastructureRef: {kind: A, name: a}}}",
		"infrastructureRef.apiGroup: Required value",
	},
	"InPlace":         {minimal + "updateStrategy: InPlace", "updateStrategy InPlace does not exist yet: write Recreate"},
	"StrategyUnknown": {minimal + "updateStrategy: Rolling", "updateStrategy must be Recreate or RecreateDeleteFirst"},
	"DeleteFirstAlone": {
		minimal + "updateStrategy: RecreateDeleteFirst",
		"updateStrategy RecreateDeleteFirst needs at least 3 replicas",
	},
	"DeleteFirstTwo": {minimal + "updateStrategy: RecreateDeleteFirst\nreplicas: 2", "needs at least 3 replicas"},
	"NamingNotRandom": {
		minimal + `machineNaming: {template: "{{ .cluster.name }}-a"}`,
		"machineNaming.template must contain {{ .random }} exactly once",
	},
	"NamingTwiceRandom": {
		minimal + `machineNaming: {template: "{{ .random }}-{{ .random }}"}`,
		"machineNaming.template must contain {{ .random }} exactly once",
	},
	"NamingUnknown": {
		minimal + `machineNaming: {template: "{{ .machine.name }}-{{ .random }}"}`,
		"machineNaming.template is made of lower-case letters",
	},
	"NamingCode": {
		minimal + `machineNaming: {template: "{{ printf .random }}"}`, "machineNaming.template is made of lower-case letters",
	},
	"NamingUpperCase": {
		minimal + `machineNaming: {template: "A-{{ .random }}"}`, "machineNaming.template is made of lower-case letters",
	},
	"NamingDash": {
		minimal + `machineNaming: {template: "{{ .random }}-"}`,
		"machineNaming.template must not begin or end with a dash",
	},
	"NamingEmpty": {minimal + "machineNaming: {}", "should have at least 1 properties"},
	"KubeconfigLabel": {
		minimal + "kubeconfigSecretMetadata: {labels: {cluster.x-k8s.io/cluster-name: other}}", "are set by k0smotron itself",
	},
	"KubeconfigAnnotation": {
		minimal + "kubeconfigSecretMetadata: {annotations: {k0smotron.io/x: z}}", "are set by k0smotron itself",
	},
	"GateTwice":  {machines("readinessGates: [{conditionType: A}, {conditionType: A}]"), "Duplicate value"},
	"GateNone":   {machines("readinessGates: []"), "should have at least 1 items"},
	"TaintTwice": {machines("taints: [" + taint + ", " + taint + "]"), "Duplicate value"},
	"TaintEffect": {
		machines("taints: [{key: a, effect: Never, propagation: Always}]"), `supported values: "NoSchedule"`,
	},
	"DrainNegative": {
		machines("deletion: {nodeDrainTimeoutSeconds: -1}"), "should be greater than or equal to 0",
	},
	"ConfigArgument": {
		minimal + `k0sConfigSpec: {args: ["--config=/x"]}`, "use k0s instead of --config",
	},
	"ConfigFile": {
		minimal + "k0sConfigSpec: {files: [{path: /etc/k0s/k0s.yaml, content: a}]}", "/etc/k0s/k0s.yaml is made from k0s",
	},
	"ConfigNoDocument": {minimal + "k0sConfigSpec: {k0s: text}", "spec.k0sConfigSpec.k0s"},
	"UnknownField":     {minimal + "remediation: {}", `unknown field "spec.remediation"`},
}

const taint = "{key: node-role.kubernetes.io/control-plane, effect: NoSchedule, propagation: Always}"

var accepted = map[string]string{
	"Minimal":       minimal,
	"VersionPlain":  "version: v1.36.3\n" + infra,
	"VersionNoV":    "version: 1.36.3+k0s.2\n" + infra, // The webhook adds it.
	"VersionSuffix": "version: v1.31.0+k0s\n" + infra,
	"Three":         minimal + "replicas: 3",
	"Two":           minimal + "replicas: 2", // With kine; the webhook knows.
	"DeleteFirst":   minimal + "replicas: 3\nupdateStrategy: RecreateDeleteFirst",
	"Naming":        minimal + `machineNaming: {template: "{{.cluster.name}}-cp-{{ .random }}-{{ .k0sControlPlane.name }}"}`,
	"Machines": machines("readinessGates: [{conditionType: A}, {conditionType: example.org/B, polarity: Negative}], " +
		"deletion: {nodeDrainTimeoutSeconds: 0, nodeDeletionTimeoutSeconds: 10}, taints: [" + taint + "]"),
	"Kubeconfig": minimal + "kubeconfigSecretMetadata: {labels: {team: zoo}, annotations: {example.org/a: anything at all}}",
	"Config": minimal + "k0sConfigSpec: {k0s: {apiVersion: k0s.k0sproject.io/v1beta1, spec: {any: {thing: 1}}}, " +
		`args: [--enable-worker], preInstalledK0s: true, files: [{path: /etc/a, content: b}]}`,
}

func TestAdmissionRefuses(t *testing.T) {
	t.Parallel()
	namespace := env.Namespace(t)
	for name, test := range refusals {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := env.Client.Create(t.Context(), controlPlane(t, namespace, name, test.spec), strict)
			refused(t, err, test.message)
		})
	}
}

func TestAdmissionAccepts(t *testing.T) {
	t.Parallel()
	namespace := env.Namespace(t)
	for name, spec := range accepted {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.NoError(t, env.Client.Create(t.Context(), controlPlane(t, namespace, name, spec), strict))
		})
	}
}

// TestUpdates has a case for every rule about a change.
func TestUpdates(t *testing.T) {
	t.Parallel()
	namespace := env.Namespace(t)
	version := func(version string) string { return "version: " + version + "\n" + infra }
	cases := map[string]struct{ before, after, message string }{
		"Patch":      {before: version("v1.36.3+k0s.2"), after: version("v1.36.4")},
		"PatchBack":  {before: version("v1.36.3+k0s.2"), after: version("v1.36.2+k0s.0")},
		"MinorUp":    {before: version("v1.35.7+k0s.0"), after: version("v1.36.3+k0s.2")},
		"MinorUpNoV": {before: version("1.35.7"), after: version("v1.36.3+k0s.2")},
		"MinorDown":  {version("v1.36.3"), version("v1.35.7+k0s.0"), "restore a backup into a new Cluster"},
		"MinorSkip":  {version("v1.34.10"), version("v1.36.3"), "upgrade one minor version at a time"},
		"Replicas":   {before: minimal, after: minimal + "replicas: 3"},
		"Strategy":   {before: minimal + "replicas: 3", after: minimal + "replicas: 3\nupdateStrategy: RecreateDeleteFirst"},
		"Shrink": {
			minimal + "replicas: 3\nupdateStrategy: RecreateDeleteFirst",
			minimal + "updateStrategy: RecreateDeleteFirst",
			"write Recreate",
		},
		"ShrinkAgain": {before: minimal + "replicas: 3\nupdateStrategy: RecreateDeleteFirst", after: minimal},
		"Template": {
			before: minimal,
			after:  "version: v1.36.3+k0s.2\nmachineTemplate: {spec: {infrastructureRef: {apiGroup: b.example.org, kind: B, name: b}}}",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			object := controlPlane(t, namespace, name, tc.before)
			require.NoError(t, env.Client.Create(t.Context(), object, strict))
			object.Object["spec"] = parse(t, tc.after)
			err := env.Client.Update(t.Context(), object, strict)
			if tc.message == "" {
				require.NoError(t, err)
				return
			}
			refused(t, err, tc.message)
		})
	}
}

// TestEveryRuleHasACase compares the messages of our own rules in the schema with those that the tables provoke.
func TestEveryRuleHasACase(t *testing.T) {
	t.Parallel()
	provoked := strings.Builder{}
	namespace := env.Namespace(t)
	for name, test := range refusals {
		if err := env.Client.Create(t.Context(), controlPlane(t, namespace, name, test.spec), strict); err != nil {
			provoked.WriteString(err.Error())
		}
	}
	whole := *crd(t, controlPlanes).Spec.Versions[0].Schema.OpenAPIV3Schema
	spec := whole.Properties["spec"]
	// Rules of the bootstrap provider's types have their cases there; those about changes are above.
	others := []string{"k0sConfigSpec", "kubeconfigSecretMetadata"}
	for _, message := range messages(spec, others...) {
		if !strings.Contains(message, "lower minor") && !strings.Contains(message, "skips a minor") {
			assert.Contains(t, provoked.String(), message)
		}
	}
}

func messages(schema apiextensionsv1.JSONSchemaProps, without ...string) []string {
	var all []string
	for _, rule := range schema.XValidations {
		all = append(all, rule.Message)
	}
	for _, name := range slices.Sorted(maps.Keys(schema.Properties)) {
		if !slices.Contains(without, name) {
			all = append(all, messages(schema.Properties[name])...)
		}
	}
	return all
}

// TestStored: what nobody wrote is stored, so that a later release that takes something else leaves this object alone.
func TestStored(t *testing.T) {
	t.Parallel()
	object := controlPlane(t, env.Namespace(t), "stored", minimal)
	require.NoError(t, env.Client.Create(t.Context(), object, strict))
	spec := object.Object["spec"].(map[string]any)
	assert.Equal(t, "Recreate", spec["updateStrategy"])
	assert.Equal(t, int64(1), spec["replicas"])
}

// TestTopology: what the topology controller applies over and over changes nothing the second time.
func TestTopology(t *testing.T) {
	t.Parallel()
	wish := controlPlane(t, env.Namespace(t), "topology", minimal)
	apply := func() *unstructured.Unstructured {
		written := wish.DeepCopy()
		require.NoError(t, env.Client.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(written),
			client.FieldOwner("capi-topology"), client.ForceOwnership))
		return written
	}
	first := apply()
	for _, entry := range first.GetManagedFields() {
		assert.NotContains(t, entry.FieldsV1.GetRawString(), "f:updateStrategy", "what is filled in is nobody's")
		assert.NotContains(t, entry.FieldsV1.GetRawString(), "f:replicas")
	}
	assert.Equal(t, first.Object, apply().Object)
}

// TestScale: the scale subresource reads and writes the number of Machines, by the rules of the field.
func TestScale(t *testing.T) {
	t.Parallel()
	created := controlPlane(t, env.Namespace(t), "scaled", minimal+"replicas: 3\nupdateStrategy: RecreateDeleteFirst")
	require.NoError(t, env.Client.Create(t.Context(), created, strict))
	object := &controlplanev1.K0sControlPlane{}
	require.NoError(t, env.Client.Get(t.Context(), client.ObjectKeyFromObject(created), object))
	scale := &autoscalingv1.Scale{}
	require.NoError(t, env.Client.SubResource("scale").Get(t.Context(), object, scale))
	assert.Equal(t, int32(3), scale.Spec.Replicas)
	scale.Spec.Replicas = 5
	require.NoError(t, env.Client.SubResource("scale").Update(t.Context(), object, client.WithSubResourceBody(scale)))
	scale.Spec.Replicas = 1
	err := env.Client.SubResource("scale").Update(t.Context(), object, client.WithSubResourceBody(scale))
	refused(t, err, "needs at least 3 replicas")
}

// TestTemplate: the settings of a template follow the same rules, and nothing is filled in.
func TestTemplate(t *testing.T) {
	t.Parallel()
	namespace := env.Namespace(t)
	cases := map[string]refusal{
		"Empty":       {spec: "{}"},
		"DeleteFirst": {spec: "{updateStrategy: RecreateDeleteFirst}"},
		"Settings": {
			spec: "{machineTemplate: {metadata: {labels: {a: b}}, spec: {taints: [" + taint + "]}}, k0sConfigSpec: {args: [--debug]}}",
		},
		"InPlace":        {"{updateStrategy: InPlace}", "updateStrategy InPlace does not exist yet"},
		"Naming":         {"{machineNaming: {template: a}}", "exactly once"},
		"Version":        {"{version: v1.36.3}", "unknown field"},
		"Replicas":       {"{replicas: 3}", "unknown field"},
		"Infrastructure": {"{machineTemplate: {spec: {infrastructureRef: {name: a}}}}", "unknown field"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec := "template: {metadata: {labels: {a: b}}, spec: " + tc.spec + "}"
			template := object(t, "K0sControlPlaneTemplate", namespace, name, spec)
			err := env.Client.Create(t.Context(), template, strict)
			if tc.message != "" {
				refused(t, err, tc.message)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, parse(t, spec), template.Object["spec"])
		})
	}
}

// strict has unknown fields refused, as kubectl does.
var strict = client.FieldValidation("Strict")

func refused(t *testing.T, err error, message string) {
	t.Helper()
	require.Error(t, err, "accepted")
	assert.True(t, apierrors.IsInvalid(err) || apierrors.IsBadRequest(err), "%v", err)
	assert.ErrorContains(t, err, message)
}

func controlPlane(t *testing.T, namespace, name, spec string) *unstructured.Unstructured {
	t.Helper()
	return object(t, "K0sControlPlane", namespace, name, spec)
}

func object(t *testing.T, kind, namespace, name, spec string) *unstructured.Unstructured {
	t.Helper()
	u := &unstructured.Unstructured{Object: map[string]any{"spec": parse(t, spec)}}
	u.SetGroupVersionKind(controlplanev1.GroupVersion.WithKind(kind))
	u.SetNamespace(namespace)
	u.SetName(strings.ToLower(name))
	return u
}

func parse(t *testing.T, spec string) map[string]any {
	t.Helper()
	var content map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(spec), &content))
	return content
}
