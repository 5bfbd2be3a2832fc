// SPDX-License-Identifier: Apache-2.0

package v1beta2

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the API group and version of the kinds in this package. The
// group is Cluster API's, as its contract proposes for bootstrap providers.
var GroupVersion = schema.GroupVersion{Group: "bootstrap.cluster.x-k8s.io", Version: "v1beta2"}

// AddToScheme adds the kinds of this package to a scheme.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&K0sWorkerConfig{}, &K0sWorkerConfigList{},
		&K0sWorkerConfigTemplate{}, &K0sWorkerConfigTemplateList{},
		&K0sControllerConfig{}, &K0sControllerConfigList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
