// SPDX-License-Identifier: Apache-2.0

package apply_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k0smotron/k0smotron/shared/apply"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

func meta(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{"app": "tiger"}}
}

func service(ns string) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: meta(ns, "svc"),
		Spec: corev1.ServiceSpec{
			Type:     corev1.ServiceTypeNodePort,
			Selector: map[string]string{"app": "tiger"},
			Ports: []corev1.ServicePort{
				{Name: "api", Port: 6443, TargetPort: intstr.FromInt32(6443)},
				{Name: "konnectivity", Port: 8132, TargetPort: intstr.FromString("konnectivity")},
			},
		},
	}
}

func podTemplate() corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "tiger"}},
		Spec: corev1.PodSpec{
			Containers: []corev1.Container{{
				Name: "k0s", Image: "k0s:v1", Args: []string{"controller", "--config=/k0s.yaml"},
				Env:   []corev1.EnvVar{{Name: "A", Value: "1"}},
				Ports: []corev1.ContainerPort{{Name: "api", ContainerPort: 6443}},
				Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
					corev1.ResourceCPU: resource.MustParse("1000m"), corev1.ResourceMemory: resource.MustParse("1024Mi"),
				}},
				ReadinessProbe: &corev1.Probe{ProbeHandler: corev1.ProbeHandler{
					HTTPGet: &corev1.HTTPGetAction{Path: "/readyz", Port: intstr.FromInt32(6443), Scheme: "HTTPS"},
				}},
				VolumeMounts: []corev1.VolumeMount{{Name: "data", MountPath: "/data"}, {Name: "tmp", MountPath: "/tmp"}},
			}},
			Volumes: []corev1.Volume{
				{Name: "tmp", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
				{Name: "ca", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "ca"}}},
			},
		},
	}
}

func statefulSet(ns string) *appsv1.StatefulSet {
	return &appsv1.StatefulSet{
		ObjectMeta: meta(ns, "sts"),
		Spec: appsv1.StatefulSetSpec{
			Replicas: new(int32(1)), ServiceName: "svc",
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "tiger"}},
			Template: podTemplate(),
			VolumeClaimTemplates: []corev1.PersistentVolumeClaim{{
				ObjectMeta: metav1.ObjectMeta{Name: "data"},
				Spec: corev1.PersistentVolumeClaimSpec{
					AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
					Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{
						corev1.ResourceStorage: resource.MustParse("1024Mi"),
					}},
				},
			}},
		},
	}
}

// kinds has one object of every kind that our providers apply, as a builder makes it.
func kinds(ns string) map[string]client.Object {
	return map[string]client.Object{
		"Service":     service(ns),
		"StatefulSet": statefulSet(ns),
		"Secret": &corev1.Secret{
			ObjectMeta: meta(ns, "secret"), Data: map[string][]byte{"key": []byte("value")},
			StringData: map[string]string{"more": "text"},
		},
		"ConfigMap": &corev1.ConfigMap{ObjectMeta: meta(ns, "config"), Data: map[string]string{"k0s.yaml": "a: 1\n"}},
		"Deployment": &appsv1.Deployment{
			ObjectMeta: meta(ns, "deploy"),
			Spec: appsv1.DeploymentSpec{
				Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "tiger"}}, Template: podWithoutClaim(),
			},
		},
		"PodDisruptionBudget": &policyv1.PodDisruptionBudget{
			ObjectMeta: meta(ns, "pdb"),
			Spec: policyv1.PodDisruptionBudgetSpec{
				MaxUnavailable: new(intstr.FromInt32(1)),
				Selector:       &metav1.LabelSelector{MatchLabels: map[string]string{"app": "tiger"}},
			},
		},
		"PersistentVolumeClaim": &corev1.PersistentVolumeClaim{
			ObjectMeta: meta(ns, "claim"), Spec: statefulSet(ns).Spec.VolumeClaimTemplates[0].Spec,
		},
		"Role": &rbacv1.Role{
			ObjectMeta: meta(ns, "role"),
			Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"get"}}},
		},
		"Unstructured": testenv.InfraMachineTemplate(ns, "template", map[string]any{
			"size": "1000m", "list": []any{map[string]any{"a": int64(1)}}, "empty": map[string]any{},
		}),
	}
}

func podWithoutClaim() corev1.PodTemplateSpec {
	template := podTemplate()
	template.Spec.Containers[0].VolumeMounts = template.Spec.Containers[0].VolumeMounts[1:]
	return template
}

func owner(t *testing.T, ns string) client.Object {
	t.Helper()
	cluster := testenv.Cluster(ns)
	env.Create(t, cluster)
	return cluster
}

func TestApplyWritesOnceAndThenNothing(t *testing.T) {
	ns := env.Namespace(t)
	parent := owner(t, ns)
	for name, object := range kinds(ns) {
		t.Run(name, func(t *testing.T) {
			applier, writes := counted()
			again := object.DeepCopyObject().(client.Object)

			require.NoError(t, applier.Apply(t.Context(), parent, object))
			require.EqualValues(t, 1, writes.Load())
			require.NotEmpty(t, object.GetUID(), "the object holds the live state after it was written")
			version := object.GetResourceVersion()

			require.NoError(t, applier.Apply(t.Context(), parent, again))
			assert.EqualValues(t, 1, writes.Load(), "the second pass sends no write")
			assert.Equal(t, version, again.GetResourceVersion())
			assert.Equal(t, object.GetUID(), again.GetUID(), "the object holds the live state after it was skipped")
			assert.True(t, metav1.IsControlledBy(again, parent))
		})
	}
}

func TestApplyReturnsWhatTheServerAllocated(t *testing.T) {
	applier, _ := counted()
	first := service(env.Namespace(t))
	second := service(first.Namespace)

	require.NoError(t, applier.Apply(t.Context(), nil, first))
	require.NoError(t, applier.Apply(t.Context(), nil, second))

	assert.NotEmpty(t, first.Spec.ClusterIP)
	assert.NotZero(t, first.Spec.Ports[0].NodePort)
	assert.Equal(t, first.Spec, second.Spec)
}

func TestApplyRepairs(t *testing.T) {
	cases := map[string]struct {
		reason string
		drift  func(*appsv1.StatefulSet)
	}{
		"ChangedImage": {
			"a user's edit of a field of ours is undone",
			func(s *appsv1.StatefulSet) { s.Spec.Template.Spec.Containers[0].Image = "other" },
		},
		"RemovedArgument": {
			"lists without identity are compared as a whole",
			func(s *appsv1.StatefulSet) { s.Spec.Template.Spec.Containers[0].Args = []string{"controller"} },
		},
		"AddedArgument": {
			"an extra argument changes what runs",
			func(s *appsv1.StatefulSet) {
				c := &s.Spec.Template.Spec.Containers[0]
				c.Args = append(c.Args, "--debug")
			},
		},
		"RemovedEnv": {
			"elements of merged lists must all be there",
			func(s *appsv1.StatefulSet) { s.Spec.Template.Spec.Containers[0].Env = nil },
		},
		"RemovedLabel": {
			"labels are found by caches and selectors",
			func(s *appsv1.StatefulSet) { s.Labels = nil },
		},
		"RemovedOwner": {
			"without an owner nobody collects the object",
			func(s *appsv1.StatefulSet) { s.OwnerReferences = nil },
		},
		"RemovedHash": {
			"without the hash removed fields could not be told",
			func(s *appsv1.StatefulSet) { s.Annotations = nil },
		},
		"ScaledByHand": {
			"replicas are ours when we set them",
			func(s *appsv1.StatefulSet) { s.Spec.Replicas = new(int32(5)) },
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			ns := env.Namespace(t)
			parent := owner(t, ns)
			applier, writes := counted()
			applied := statefulSet(ns)
			require.NoError(t, applier.Apply(t.Context(), parent, applied))
			before := applied.DeepCopy()
			tc.drift(applied)
			require.NoError(t, env.Client.Update(t.Context(), applied))

			after := statefulSet(ns)
			require.NoError(t, applier.Apply(t.Context(), parent, after))

			assert.EqualValues(t, 2, writes.Load(), tc.reason)
			assert.Equal(t, before.Spec, after.Spec, tc.reason)
			assert.Equal(t, before.Labels, after.Labels, tc.reason)
			assert.Equal(t, before.OwnerReferences, after.OwnerReferences, tc.reason)
			assert.Equal(t, before.Annotations, after.Annotations, tc.reason)
		})
	}
}

func TestApplyLeavesOthersAlone(t *testing.T) {
	ns := env.Namespace(t)
	applier, writes := counted()
	applied := statefulSet(ns)
	require.NoError(t, applier.Apply(t.Context(), nil, applied))
	applied.Labels["team"] = "theirs"
	applied.Annotations["note"] = "theirs"
	applied.Finalizers = []string{"example.com/theirs"}
	applied.Spec.Template.Spec.Containers[0].Env = append(applied.Spec.Template.Spec.Containers[0].Env,
		corev1.EnvVar{Name: "B", Value: "theirs"})
	require.NoError(t, env.Client.Update(t.Context(), applied))

	after := statefulSet(ns)
	require.NoError(t, applier.Apply(t.Context(), nil, after))

	assert.EqualValues(t, 1, writes.Load(), "fields of others are no drift")
	assert.Equal(t, "theirs", after.Labels["team"])
	assert.Len(t, after.Spec.Template.Spec.Containers[0].Env, 2)
}

func TestApplyRemovesFieldsThatAreNoLongerWanted(t *testing.T) {
	ns := env.Namespace(t)
	applier, writes := counted()
	config := &corev1.ConfigMap{ObjectMeta: meta(ns, "c"), Data: map[string]string{"keep": "1", "drop": "2"}}
	require.NoError(t, applier.Apply(t.Context(), nil, config))

	without := &corev1.ConfigMap{ObjectMeta: meta(ns, "c"), Data: map[string]string{"keep": "1"}}
	require.NoError(t, applier.Apply(t.Context(), nil, without))

	assert.EqualValues(t, 2, writes.Load())
	assert.Equal(t, map[string]string{"keep": "1"}, without.Data)
}

func TestApplySkipsNil(t *testing.T) {
	applier, writes := counted()
	var typed *corev1.Service
	require.NoError(t, applier.Apply(t.Context(), nil, typed, nil))
	assert.Zero(t, writes.Load())
}

func TestApplyNeedsAKnownKind(t *testing.T) {
	applier, _ := counted()
	err := applier.Apply(t.Context(), nil, &unstructured.Unstructured{Object: map[string]any{}})
	assert.ErrorContains(t, err, "applying")
}

func TestApplyRefusesAForeignController(t *testing.T) {
	ns := env.Namespace(t)
	applier, writes := counted()
	config := &corev1.ConfigMap{ObjectMeta: meta(ns, "c")}
	config.OwnerReferences = []metav1.OwnerReference{{
		APIVersion: "v1", Kind: "ConfigMap", Name: "other", UID: "1", Controller: new(true),
	}}
	err := applier.Apply(t.Context(), owner(t, ns), config)
	require.ErrorContains(t, err, "setting owner of c")
	assert.Zero(t, writes.Load())
}

func TestSecretsDoNotLeakIntoMetadata(t *testing.T) {
	ns := env.Namespace(t)
	applier, _ := counted()
	secret := &corev1.Secret{ObjectMeta: meta(ns, "s"), StringData: map[string]string{"token": "hunter2hunter2"}}
	require.NoError(t, applier.Apply(t.Context(), nil, secret))

	assert.Len(t, secret.Annotations[apply.Annotation(fieldOwner)], 64, "a sha256 in hex")
	for key, value := range secret.Annotations {
		assert.False(t, strings.Contains(value, "hunter2") || strings.Contains(value, "aHVudGVyMg"), key)
	}
	assert.Equal(t, "hunter2hunter2", string(secret.Data["token"]))
}

func TestTwoFieldOwnersShareAnObject(t *testing.T) {
	ns := env.Namespace(t)
	one, two := apply.New(env.Client, "one"), apply.New(env.Client, "two")
	spec := func() *corev1.ConfigMap {
		return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "c"}, Data: map[string]string{"a": "1"}}
	}
	labels := func() *corev1.ConfigMap {
		return &corev1.ConfigMap{ObjectMeta: meta(ns, "c")}
	}
	require.NoError(t, one.Apply(t.Context(), nil, spec()))
	second := labels()
	require.NoError(t, two.Apply(t.Context(), nil, second))
	third := spec()
	require.NoError(t, one.Apply(t.Context(), nil, third))

	assert.Equal(t, second.ResourceVersion, third.ResourceVersion, "neither owner disturbs the other")
	assert.Equal(t, "tiger", third.Labels["app"])
	assert.Equal(t, "1", third.Data["a"])
}
