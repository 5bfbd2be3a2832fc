// SPDX-License-Identifier: Apache-2.0

package v1beta2_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
)

// longDomain has the 253 characters that are not too many.
var longDomain = strings.Repeat("a.", 126) + "a"

// longAnnotations have the 256 KiB that are not too many, some of them in characters of three bytes.
var longAnnotations = "a: " + strings.Repeat("€", 21845) + ", b: " + strings.Repeat("b", 65536) +
	", c: " + strings.Repeat("c", 65536) + ", d: " + strings.Repeat("d", 65536-3)

// refused is a spec and what the API server says to it.
type refused struct{ spec, message string }

// refusals has a case for every rule of the schema that is not mere length: TestEveryRuleHasACase holds it to that.
var refusals = map[string]refused{
	"VersionImageForm": {
		`version: v1.36.3-k0s.2`,
		"the build number follows a plus sign: v1.36.3+k0s.2, not v1.36.3-k0s.2",
	},
	"VersionNoV":        {`version: 1.36.3`, "a version has the form vX.Y.Z, vX.Y.Z+k0s or vX.Y.Z+k0s.N"},
	"VersionLatest":     {`version: latest`, "a version has the form vX.Y.Z"},
	"VersionNoPatch":    {`version: v1.36`, "a version has the form vX.Y.Z"},
	"VersionEmptyBuild": {`version: v1.36.3+k0s.`, "a version has the form vX.Y.Z"},
	"VersionOther":      {`version: v1.36.3+k3s1`, "a version has the form vX.Y.Z"},
	"VersionTooOld":     {`version: v1.30.14+k0s.0`, "k0s v1.31 is the oldest supported version"},
	"VersionMuchTooOld": {`version: v1.9.0`, "k0s v1.31 is the oldest supported version"},
	"ArgsTwice":         {`args: [--debug, --verbose, --debug=true]`, "every flag may occur only once (except --env)"},
	"ArgsValueApart":    {`args: [--profile, gpu]`, "an argument has the form --flag or --flag=value"},
	"ArgsTwoInOne":      {`args: ["--profile gpu"]`, "an argument has the form --flag or --flag=value"},
	"ArgsShort":         {`args: ["-l=kubelet=1"]`, "an argument has the form --flag or --flag=value"},
	"ArgsLineBreak":     {`args: ["--profile=a\nb"]`, "an argument has the form --flag or --flag=value, on one line"},
	"ArgsQuotes":        {`args: ['--kubelet-extra-args="--v=2"']`, "leave out the quotation marks"},
	"ArgsSingleQuotes":  {`args: ["--kubelet-extra-args='--v=2'"]`, "leave out the quotation marks"},
	"ArgsTemplate":      {`args: ["--profile={{ ds.meta_data.x }}"]`, "arguments are not templates"},
	"ArgsToken":         {`args: [--token-file=/x]`, "the join token is set by k0smotron"},
	"ArgsTokenEnv":      {`args: [--env=K0S_TOKEN=abc]`, "the join token is set by k0smotron"},
	"ArgsLabels":        {`args: [--labels=a=b]`, "use spec.nodeLabels instead of --labels"},
	"ArgsTaints":        {`args: [--taints=a=b:NoSchedule]`, "use spec.nodeTaints instead of --taints"},
	"ArgsForce":         {`args: [--force]`, "--force and --start are decided by k0smotron"},
	"ArgsStart":         {`args: [--start=true]`, "--force and --start are decided by k0smotron"},
	"ArgsKubeletLabels": {
		`args: ["--kubelet-extra-args=--v=2 --node-labels=a=b"]`,
		"use spec.nodeLabels instead of the kubelet's --node-labels",
	},
	"ArgsKubeletTaints": {
		`args: ["--kubelet-extra-args=--register-with-taints=a"]`,
		"use spec.nodeTaints instead of the kubelet's --register-with-taints",
	},
	"ArgsDataDir":      {`args: [--data-dir=relative]`, "--data-dir needs an absolute path"},
	"ArgsDataDirSlash": {`args: [--data-dir=/data/]`, "--data-dir needs an absolute path"},
	"FileNeither":      {`files: [{path: /a}]`, "a file has exactly one of content and contentFrom"},
	"FileBoth": {
		`files: [{path: /a, content: x, contentFrom: {secretRef: {name: s, key: k}}}]`,
		"a file has exactly one of content and contentFrom",
	},
	"FileTwice":      {`files: [{path: /a, content: x}, {path: /a, content: y}]`, "Duplicate value"},
	"FileSourceNone": {`files: [{path: /a, contentFrom: {}}]`, "should have at least 1 properties"},
	"FileSourceBoth": {
		`files: [{path: /a, contentFrom: {secretRef: {name: s, key: k}, configMapRef: {name: s, key: k}}}]`,
		"contentFrom has exactly one of secretRef and configMapRef",
	},
	"FileSourceName": {
		`files: [{path: /a, contentFrom: {secretRef: {name: S_, key: k}}}]`,
		"name must be the name of an object",
	},
	"FileSourceKey": {
		`files: [{path: /a, contentFrom: {configMapRef: {name: s, key: a/b}}}]`,
		"key must be made of letters",
	},
	"FileSourceNoKey": {`files: [{path: /a, contentFrom: {configMapRef: {name: s}}}]`, "key: Required value"},
	"FileRelative":    {`files: [{path: a, content: x}]`, "path must be the absolute path of a file"},
	"FileDirectory":   {`files: [{path: /a/, content: x}]`, "path must be the absolute path of a file"},
	"FileDots":        {`files: [{path: /a/../b, content: x}]`, "path must not contain empty, . or .. parts"},
	"FileDoubleSlash": {`files: [{path: //a, content: x}]`, "path must not contain empty, . or .. parts"},
	"FileControl":     {`files: [{path: "/a\nb", content: x}]`, "path must be made of printable ASCII characters"},
	"FileOurs": {
		`files: [{path: /etc/k0smotron/bootstrap.sh, content: x}]`,
		"path is one of those that k0smotron uses itself",
	},
	"FileToken": {
		`files: [{path: /etc/k0s/join-token, content: x}]`,
		"path is one of those that k0smotron uses itself",
	},
	"FilePermissions": {
		`files: [{path: /a, content: x, permissions: "0888"}]`,
		"permissions are three or four octal digits",
	},
	"FilePermissionsWords": {
		`files: [{path: /a, content: x, permissions: rwx}]`,
		"permissions are three or four octal digits",
	},
	"URLScheme": {`downloadURL: oci://registry/k0s`, "downloadURL must begin with http:// or https://"},
	"URLBlank":  {`downloadURL: "https://a/ b"`, "downloadURL must not contain blanks"},
	"URLPlaceholder": {
		`downloadURL: "https://a/{os}"`,
		"downloadURL knows the placeholders {version} and {arch} only",
	},
	"Checksum": {
		`downloadOptions: {checksums: [{arch: amd64, sha256: ABC}]}`,
		"sha256 is 64 hexadecimal digits in lower case",
	},
	"ChecksumArch": {
		`downloadOptions: {checksums: [{arch: x86_64, sha256: abc}]}`,
		`supported values: "amd64", "arm64", "arm"`,
	},
	"ChecksumTwice": {
		`downloadOptions: {checksums: [{arch: arm, sha256: abc}, {arch: arm, sha256: abc}]}`,
		"Duplicate value",
	},
	"PreInstalledURL": {
		`{preInstalledK0s: true, downloadURL: "https://a/k0s"}`,
		"preInstalledK0s and downloadURL exclude each other",
	},
	"PreInstalledOptions": {
		`{preInstalledK0s: true, downloadOptions: {checksums: [{arch: arm, sha256: abc}]}}`,
		"preInstalledK0s and downloadOptions exclude each other",
	},
	"InstallDirRelative": {`k0sInstallDir: bin`, "k0sInstallDir must be an absolute path"},
	"InstallDirDots":     {`k0sInstallDir: /opt/../bin`, "k0sInstallDir must be an absolute path"},
	"InstallDirSlash":    {`k0sInstallDir: /opt/bin/`, "k0sInstallDir must be an absolute path"},
	"LabelKey":           {`nodeLabels: {"a b": c}`, "the key of a label is a name of at most 63 letters"},
	"LabelValue":         {`nodeLabels: {a: "b c"}`, "spec.nodeLabels.a in body should match"},
	"LabelRole": {
		`nodeLabels: {node-role.kubernetes.io/gpu: ""}`,
		"a node may not give itself this label of kubernetes.io or k8s.io: set it on the Machine",
	},
	"LabelRestriction": {`nodeLabels: {node-restriction.kubernetes.io/a: b}`, "a node may not give itself this label"},
	"LabelKubernetes":  {`nodeLabels: {kubernetes.io/a: b}`, "a node may not give itself this label"},
	"LabelK8s":         {`nodeLabels: {x.k8s.io/a: b}`, "a node may not give itself this label"},
	"LabelLookalike":   {`nodeLabels: {xnode.kubernetes.io/a: b}`, "a node may not give itself this label"},
	"LabelOurs": {
		`nodeLabels: {k0smotron.io/machine-name: x}`,
		"labels of k0smotron.io are set by k0smotron itself",
	},
	"TaintKey": {`nodeTaints: [{key: "a b", effect: NoSchedule}]`, "the key of a taint is a name"},
	"TaintEffect": {
		`nodeTaints: [{key: a, effect: Never}]`,
		`supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"`,
	},
	"TaintValue": {`nodeTaints: [{key: a, value: "b c", effect: NoExecute}]`, "value in body should match"},
	"TaintTwice": {
		`nodeTaints: [{key: a, effect: NoExecute}, {key: a, value: b, effect: NoExecute}]`,
		"Duplicate value",
	},
	"TaintOurs": {
		`nodeTaints: [{key: node.cluster.x-k8s.io/uninitialized, effect: NoSchedule}]`,
		"is set by k0smotron and removed by Cluster API",
	},
	"SecretLabelKey": {`secretMetadata: {labels: {"a b": c}}`, "the key of a label is a name"},
	"SecretLabelOurs": {
		`secretMetadata: {labels: {cluster.x-k8s.io/cluster-name: other}}`,
		"labels of cluster.x-k8s.io and k0smotron.io are set by k0smotron itself",
	},
	"SecretLabelOurs2": {
		`secretMetadata: {labels: {k0smotron.io/join-info: ""}}`,
		"labels of cluster.x-k8s.io and k0smotron.io are set by k0smotron itself",
	},
	"SecretLabelDots":      {`secretMetadata: {labels: {a..b/c: d}}`, "the key of a label is a name"},
	"SecretLabelLong":      {`secretMetadata: {labels: {` + longDomain + `b/c: d}}`, "the key of a label is a name"},
	"SecretAnnotationKey":  {`secretMetadata: {annotations: {"a b": c}}`, "the key of an annotation is a name"},
	"SecretAnnotationDots": {`secretMetadata: {annotations: {a.-b/c: d}}`, "the key of an annotation is a name"},
	"SecretAnnotationLong": {
		`secretMetadata: {annotations: {` + longDomain + `b/c: d}}`,
		"the key of an annotation is a name",
	},
	"SecretAnnotations": {
		`secretMetadata: {annotations: {` + longAnnotations + `, e: f}}`, "annotations may have 256 KiB in all",
	},
	"SecretAnnotationOurs": {
		`secretMetadata: {annotations: {applied.k0smotron.io/x: z}}`,
		"annotations of k0smotron.io are set by k0smotron itself",
	},
	"UnknownField": {`useSystemHostname: true`, `unknown field "spec.useSystemHostname"`},
}

var accepted = map[string]string{
	"Nothing":         `{}`,
	"VersionPlain":    `version: v1.36.3`,
	"VersionSuffix":   `version: v1.31.0+k0s`,
	"VersionBuild":    `version: v1.100.3+k0s.12`,
	"Args":            `args: [--debug, "--kubelet-extra-args=--node-ip=10.0.0.1 --v=2", --env=A=b, --env=C=d, "--profile=x", --data-dir=/data/k0s]`,
	"ArgsInnerQuotes": `args: ["--env=A=\"b\" c"]`,
	"Files":           `files: [{path: /etc/a.conf, content: ""}, {path: /etc/b, contentFrom: {secretRef: {name: s.x, key: a.b_c}}, permissions: "600"}]`,
	"URL":             `downloadURL: "https://u:p@[fd00::1]:8080/k0s-{version}-{arch}?a=b%20c"`,
	"Checksums":       `downloadOptions: {checksums: [{arch: amd64, sha256: 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef}]}`,
	"NotPreInstalled": `{preInstalledK0s: false, downloadURL: "https://a/k0s"}`,
	"LabelsFree":      `nodeLabels: {pool: gpu, example.com/a: "", kubernetes.io.example.com/a: b, node.cluster.x-k8s.io/pool: a}`,
	"LabelsAllowed":   `nodeLabels: {topology.kubernetes.io/zone: a, node.kubernetes.io/instance-type: b, kubelet.kubernetes.io/c: d, x.node.kubernetes.io/e: f, kubernetes.io/os: linux}`,
	"Taints":          `nodeTaints: [{key: a, effect: NoSchedule}, {key: a, value: "", effect: NoExecute}]`,
	"SecretMetadata":  `secretMetadata: {labels: {clusterctl.cluster.x-k8s.io/move: ""}, annotations: {a: "anything at all"}}`,
	"SecretLongest":   `secretMetadata: {labels: {` + longDomain + `/c: d}, annotations: {` + longAnnotations + `}}`,
	"SecretUpperCase": `secretMetadata: {annotations: {Example.org/A: b}}`,
}

func TestAdmissionRefuses(t *testing.T) {
	t.Parallel()
	namespace := env.Namespace(t)
	for name, test := range refusals {
		for _, object := range []*unstructured.Unstructured{
			config(t, namespace, name, test.spec), template(t, namespace, name, test.spec),
		} {
			t.Run(object.GetKind()+"/"+name, func(t *testing.T) {
				t.Parallel()
				err := env.Client.Create(t.Context(), object, strict)
				require.Error(t, err, "accepted")
				require.True(t, apierrors.IsInvalid(err) || apierrors.IsBadRequest(err), "%v", err)
				assert.Contains(t, strings.ReplaceAll(err.Error(), "spec.template.spec.", "spec."), test.message)
			})
		}
	}
}

func TestAdmissionAccepts(t *testing.T) {
	t.Parallel()
	namespace := env.Namespace(t)
	for name, spec := range accepted {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.NoError(t, env.Client.Create(t.Context(), config(t, namespace, name, spec), strict))
			require.NoError(t, env.Client.Create(t.Context(), template(t, namespace, name, spec), strict))
		})
	}
}

// TestEveryRuleHasACase compares the messages in the schema with those that the table provokes.
func TestEveryRuleHasACase(t *testing.T) {
	t.Parallel()
	var provoked strings.Builder
	namespace := env.Namespace(t)
	for name, test := range refusals {
		if err := env.Client.Create(t.Context(), config(t, namespace, name, test.spec), strict); err != nil {
			provoked.WriteString(err.Error())
		}
	}
	for _, message := range ruleMessages(loadCRDs(t)["k0sworkerconfigs.bootstrap.cluster.x-k8s.io"].
		Spec.Versions[0].Schema.OpenAPIV3Schema) {
		assert.Contains(t, provoked.String(), message)
	}
}

// strict has unknown fields refused, as kubectl does.
var strict = client.FieldValidation("Strict")

func config(t *testing.T, namespace, name, spec string) *unstructured.Unstructured {
	t.Helper()
	return object(t, "K0sWorkerConfig", namespace, name, map[string]any{"spec": parse(t, spec)})
}

func template(t *testing.T, namespace, name, spec string) *unstructured.Unstructured {
	t.Helper()
	return object(t, "K0sWorkerConfigTemplate", namespace, name, map[string]any{
		"spec": map[string]any{"template": map[string]any{"spec": parse(t, spec)}},
	})
}

func object(t *testing.T, kind, namespace, name string, content map[string]any) *unstructured.Unstructured {
	t.Helper()
	u := &unstructured.Unstructured{Object: content}
	u.SetGroupVersionKind(schema.GroupVersionKind{
		Group: bootstrapv1.GroupVersion.Group, Version: bootstrapv1.GroupVersion.Version, Kind: kind,
	})
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
