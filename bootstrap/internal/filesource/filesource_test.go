// SPDX-License-Identifier: Apache-2.0

package filesource_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/bootstrap/internal/bootstrapdata"
	"github.com/k0smotron/k0smotron/bootstrap/internal/filesource"
	"github.com/k0smotron/k0smotron/shared/phase"
)

func objects() []client.Object {
	return []client.Object{
		&corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "credentials"},
			Data:       map[string][]byte{"password": []byte("geheim\xff"), "user": []byte("me")},
		},
		&corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "settings"},
			Data:       map[string]string{"text": "a"},
			BinaryData: map[string][]byte{"binary": {0, 1}},
		},
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "empty"}},
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "other", Name: "elsewhere"}},
	}
}

func fromSecret(name, key string) bootstrapv1.FileSource {
	return bootstrapv1.FileSource{SecretRef: bootstrapv1.KeyReference{Name: name, Key: key}}
}

func fromConfigMap(name, key string) bootstrapv1.FileSource {
	return bootstrapv1.FileSource{ConfigMapRef: bootstrapv1.KeyReference{Name: name, Key: key}}
}

func TestResolve(t *testing.T) {
	t.Parallel()
	reads := 0
	live := fake.NewClientBuilder().WithObjects(objects()...).WithInterceptorFuncs(interceptor.Funcs{
		Get: func(
			ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption,
		) error {
			reads++
			return c.Get(ctx, key, obj, opts...)
		},
	}).Build()

	got, err := filesource.Resolve(t.Context(), live, "default", []bootstrapv1.File{
		{Path: "/inline", Content: new("x")},
		{Path: "/empty", Content: new("")},
		{Path: "/secret", ContentFrom: fromSecret("credentials", "password")},
		{Path: "/secret-again", ContentFrom: fromSecret("credentials", "user"), Permissions: "0644"},
		{Path: "/text", ContentFrom: fromConfigMap("settings", "text")},
		{Path: "/binary", ContentFrom: fromConfigMap("settings", "binary"), Permissions: "400"},
	})
	require.NoError(t, err)
	assert.Equal(t, []bootstrapdata.File{
		{Path: "/inline", Content: []byte("x"), Permissions: "0644"},
		{Path: "/empty", Content: []byte(""), Permissions: "0644"},
		{Path: "/secret", Content: []byte("geheim\xff"), Permissions: "0600"},
		{Path: "/secret-again", Content: []byte("me"), Permissions: "0644"},
		{Path: "/text", Content: []byte("a"), Permissions: "0644"},
		{Path: "/binary", Content: []byte{0, 1}, Permissions: "400"},
	}, got)
	assert.Equal(t, 2, reads, "every source is read once")
}

func TestResolveNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	live := fake.NewClientBuilder().WithObjects(objects()...).Build()
	for name, test := range map[string]struct {
		from    bootstrapv1.FileSource
		message string
	}{
		"NoSecret": {
			fromSecret("nope", "key"),
			"spec.files[/f].contentFrom: Secret nope does not exist: create it in namespace default",
		},
		"OtherNamespace": {
			fromSecret("elsewhere", "key"),
			"spec.files[/f].contentFrom: Secret elsewhere does not exist: create it in namespace default",
		},
		"NoConfigMap": {
			fromConfigMap("nope", "key"),
			"spec.files[/f].contentFrom: ConfigMap nope does not exist: create it in namespace default",
		},
		"NoKey": {
			fromSecret("credentials", "token"),
			`spec.files[/f].contentFrom: Secret credentials has no key "token", it has password, user: add the key or name another`,
		},
		"NoData": {
			fromConfigMap("empty", "x"),
			`spec.files[/f].contentFrom: ConfigMap empty has no key "x", it has no data: add the key or name another`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := filesource.Resolve(t.Context(), live, "default", []bootstrapv1.File{{Path: "/f", ContentFrom: test.from}})
			var wait *phase.WaitError
			require.ErrorAs(t, err, &wait)
			assert.Equal(t, bootstrapv1.FileSourceMissingReason, wait.Reason)
			assert.Equal(t, test.message, wait.Message)
			assert.NotZero(t, wait.After, "no watch sees a source without the cluster's label")
		})
	}
}

func TestResolveReturnsOtherErrors(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	live := fake.NewClientBuilder().WithInterceptorFuncs(interceptor.Funcs{
		Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
			return broken
		},
	}).Build()
	for _, from := range []bootstrapv1.FileSource{fromSecret("a", "b"), fromConfigMap("a", "b")} {
		_, err := filesource.Resolve(t.Context(), live, "default", []bootstrapv1.File{{Path: "/f", ContentFrom: from}})
		require.ErrorIs(t, err, broken)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	files := []bootstrapv1.File{
		{Path: "/a", ContentFrom: fromSecret("s2", "k")},
		{Path: "/b", ContentFrom: fromSecret("s1", "k")},
		{Path: "/c", ContentFrom: fromSecret("s2", "k2")},
		{Path: "/d", ContentFrom: fromConfigMap("c1", "k")},
		{Path: "/e", Content: new("x")},
	}
	assert.Equal(t, []string{"s1", "s2"}, filesource.Secrets(files))
	assert.Equal(t, []string{"c1"}, filesource.ConfigMaps(files))
	assert.Empty(t, filesource.Secrets(nil))
}
