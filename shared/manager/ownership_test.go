// SPDX-License-Identifier: Apache-2.0

package manager_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/k0smotron/k0smotron/shared/manager"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

const (
	label   = "bootstrap-k0smotron"
	crdName = "k0sworkerconfigs.bootstrap.cluster.x-k8s.io"
)

func provider() manager.Provider {
	return manager.Provider{
		Name: "k0smotron-bootstrap", LeaderElectionID: "k0smotron-bootstrap", Label: label, Scheme: testenv.MustScheme(),
		CRDs: []manager.CRD{{Name: crdName, Versions: []string{"v1beta2"}}},
	}
}

// crd is the CRD of the provider; versions are those it has, served unless they end with "!".
func crd(owner string, versions ...string) *apiextensionsv1.CustomResourceDefinition {
	definition := &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: crdName},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: "bootstrap.cluster.x-k8s.io", Scope: apiextensionsv1.NamespaceScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{
				Kind: "K0sWorkerConfig", ListKind: "K0sWorkerConfigList", Plural: "k0sworkerconfigs",
			},
		},
	}
	if owner != "" {
		definition.Labels = map[string]string{"cluster.x-k8s.io/provider": owner}
	}
	for i, version := range versions {
		served := version[len(version)-1] != '!'
		if !served {
			version = version[:len(version)-1]
		}
		definition.Spec.Versions = append(definition.Spec.Versions, apiextensionsv1.CustomResourceDefinitionVersion{
			Name: version, Served: served, Storage: i == 0,
			Schema: &apiextensionsv1.CustomResourceValidation{
				OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{Type: "object"},
			},
		})
	}
	return definition
}

func TestOwnershipCheck(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		reason string
		crd    *apiextensionsv1.CustomResourceDefinition
		err    []string
	}{
		"Ours":     {reason: "label and versions are as we ship them", crd: crd(label, "v1beta2")},
		"Unserved": {reason: "a version that is no longer served harms nobody", crd: crd(label, "v1beta2", "v1beta1!")},
		"Foreign": {
			reason: "another product has kinds of the same names",
			crd:    crd("bootstrap-k0sproject-k0smotron", "v1beta2"),
			err: []string{
				crdName, `belongs to provider "bootstrap-k0sproject-k0smotron"`, `provider "bootstrap-k0smotron"`,
				"remove one of the two",
			},
		},
		"Unlabelled": {
			reason: "nobody knows whose it is", crd: crd("", "v1beta2"),
			err: []string{`belongs to provider ""`},
		},
		"OtherVersions": {
			reason: "a version we do not know has a meaning we do not know", crd: crd(label, "v1beta2", "v1beta1"),
			err: []string{"serves v1beta1, v1beta2, this manager knows v1beta2", "install the CRDs of release"},
		},
		"NotInstalled": {
			reason: "nothing can be watched", err: []string{crdName + " is not installed", "install provider " + label},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			builder := fake.NewClientBuilder().WithScheme(testenv.MustScheme())
			if tc.crd != nil {
				builder = builder.WithObjects(tc.crd)
			}
			err := manager.NewOwnership(builder.Build(), provider(), testenv.Clock()).Check(t.Context())
			if len(tc.err) == 0 {
				require.NoError(t, err, tc.reason)
			}
			for _, text := range tc.err {
				require.ErrorContains(t, err, text, tc.reason)
			}
		})
	}
}

func TestOwnershipCheckNamesEveryCRD(t *testing.T) {
	t.Parallel()
	p := provider()
	p.CRDs = append(p.CRDs, manager.CRD{Name: "others.bootstrap.cluster.x-k8s.io", Versions: []string{"v1beta2"}})
	err := manager.NewOwnership(fake.NewClientBuilder().WithScheme(p.Scheme).Build(), p, testenv.Clock()).
		Check(t.Context())
	require.ErrorContains(t, err, crdName)
	require.ErrorContains(t, err, "others.bootstrap.cluster.x-k8s.io")
}

func TestOwnershipCheckPassesErrorsOn(t *testing.T) {
	t.Parallel()
	broken := interceptor.NewClient(fake.NewClientBuilder().WithScheme(testenv.MustScheme()).Build(), interceptor.Funcs{
		Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
			return errors.New("forbidden")
		},
	})
	err := manager.NewOwnership(broken, provider(), testenv.Clock()).Check(t.Context())
	assert.EqualError(t, err, "getting CRD "+crdName+": forbidden")
}
