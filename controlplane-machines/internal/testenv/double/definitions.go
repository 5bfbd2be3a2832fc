// SPDX-License-Identifier: Apache-2.0

package double

import (
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Kinds that k0s writes into its cluster.
var (
	// EtcdMemberKind is a member of etcd. It has no namespace.
	EtcdMemberKind = schema.GroupVersionKind{Group: "etcd.k0sproject.io", Version: "v1beta1", Kind: "EtcdMember"}
	// ControlNodeKind is a controller, for k0s's own updates. It has no namespace.
	ControlNodeKind = schema.GroupVersionKind{Group: "autopilot.k0sproject.io", Version: "v1beta2", Kind: "ControlNode"}
	// ClusterConfigKind is the configuration that all controllers share.
	ClusterConfigKind = schema.GroupVersionKind{Group: "k0s.k0sproject.io", Version: "v1beta1", Kind: "ClusterConfig"}
)

type properties = map[string]apiextensionsv1.JSONSchemaProps

// Definitions are the CustomResourceDefinitions that k0s installs, as far as they matter.
func Definitions() []*apiextensionsv1.CustomResourceDefinition {
	open := apiextensionsv1.JSONSchemaProps{Type: "object", XPreserveUnknownFields: new(true)}
	return []*apiextensionsv1.CustomResourceDefinition{
		definition(EtcdMemberKind, apiextensionsv1.ClusterScoped, properties{"spec": memberSpec(), "status": memberStatus()}),
		definition(ControlNodeKind, apiextensionsv1.ClusterScoped, properties{"status": nodeStatus()}),
		definition(ClusterConfigKind, apiextensionsv1.NamespaceScoped, properties{"spec": open}),
	}
}

func text() apiextensionsv1.JSONSchemaProps { return apiextensionsv1.JSONSchemaProps{Type: "string"} }

func oneOf(values ...string) apiextensionsv1.JSONSchemaProps {
	schemaOf := text()
	for _, value := range values {
		schemaOf.Enum = append(schemaOf.Enum, apiextensionsv1.JSON{Raw: []byte(`"` + value + `"`)})
	}
	return schemaOf
}

func object(fields properties, required ...string) apiextensionsv1.JSONSchemaProps {
	return apiextensionsv1.JSONSchemaProps{Type: "object", Properties: fields, Required: required}
}

func list(item apiextensionsv1.JSONSchemaProps) apiextensionsv1.JSONSchemaProps {
	return apiextensionsv1.JSONSchemaProps{
		Type: "array", Items: &apiextensionsv1.JSONSchemaPropsOrArray{Schema: &item},
	}
}

func memberSpec() apiextensionsv1.JSONSchemaProps {
	return object(properties{"leave": {Type: "boolean"}})
}

func memberStatus() apiextensionsv1.JSONSchemaProps {
	id := text()
	id.Pattern = "^[a-fA-F0-9]+$"
	conditions := list(object(properties{
		"type": oneOf("Joined"), "status": oneOf("True", "False", "Unknown"), "message": text(),
		"lastTransitionTime": {Type: "string", Format: "date-time"},
	}, "status", "type"))
	conditions.XListType, conditions.XListMapKeys = new("map"), []string{"type"}
	return object(properties{
		"peerAddress": text(), "memberID": id, "reconcileStatus": text(), "message": text(), "conditions": conditions,
	}, "memberID", "peerAddress")
}

func nodeStatus() apiextensionsv1.JSONSchemaProps {
	addresses := list(object(properties{"type": text(), "address": text()}, "address", "type"))
	return object(properties{"addresses": addresses, "k0sVersion": text()})
}

func definition(
	kind schema.GroupVersionKind, scope apiextensionsv1.ResourceScope, fields properties,
) *apiextensionsv1.CustomResourceDefinition {
	singular := strings.ToLower(kind.Kind)
	fields["apiVersion"], fields["kind"], fields["metadata"] = text(), text(), object(nil)
	whole := object(fields)
	version := apiextensionsv1.CustomResourceDefinitionVersion{
		Name: kind.Version, Served: true, Storage: true,
		Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &whole},
	}
	if _, reports := fields["status"]; reports {
		version.Subresources = &apiextensionsv1.CustomResourceSubresources{
			Status: &apiextensionsv1.CustomResourceSubresourceStatus{},
		}
	}
	return &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: singular + "s." + kind.Group},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: kind.Group, Scope: scope, Versions: []apiextensionsv1.CustomResourceDefinitionVersion{version},
			Names: apiextensionsv1.CustomResourceDefinitionNames{
				Kind: kind.Kind, ListKind: kind.Kind + "List", Plural: singular + "s", Singular: singular,
			},
		},
	}
}

// empty is an object of a kind with nothing but its name.
func empty(kind schema.GroupVersionKind, name string) *unstructured.Unstructured {
	named := &unstructured.Unstructured{Object: map[string]any{}}
	named.SetGroupVersionKind(kind)
	named.SetName(name)
	return named
}
