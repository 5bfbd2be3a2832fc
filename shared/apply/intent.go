// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// AnnotationPrefix is the domain of the annotation that holds the hash of what was applied; its name is the field owner,
// so that two owners of parts of one object do not overwrite each other's.
const AnnotationPrefix = "applied.k0smotron.io/"

// Annotation is the key under which a field owner records the hash of what it applied.
func Annotation(fieldOwner string) string { return AnnotationPrefix + fieldOwner }

// intent is the desired object as it is sent: only the fields that its builder set, owner and hash included.
func (a *Applier) intent(owner, object client.Object) (*unstructured.Unstructured, error) {
	gvk, err := apiutil.GVKForObject(object, a.client.Scheme())
	if err != nil {
		return nil, fmt.Errorf("applying %T: %w", object, err)
	}
	desired, ok := object.DeepCopyObject().(client.Object)
	if !ok {
		return nil, fmt.Errorf("copying %s %s: the copy is no client object", gvk.Kind, object.GetName())
	}
	if err := a.own(owner, desired); err != nil {
		return nil, err
	}
	foldStringData(desired)
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(desired)
	if err != nil {
		return nil, fmt.Errorf("converting %s %s: %w", gvk.Kind, object.GetName(), err)
	}
	want := &unstructured.Unstructured{Object: fields}
	want.SetGroupVersionKind(gvk)
	strip(want, a.fieldOwner)
	hash, err := hashOf(want)
	if err != nil {
		return nil, err
	}
	annotations := maps.Clone(want.GetAnnotations())
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[Annotation(a.fieldOwner)] = hash
	want.SetAnnotations(annotations)
	return want, nil
}

// foldStringData does what the API server does on write: it never shows stringData again.
func foldStringData(object client.Object) {
	secret, ok := object.(*corev1.Secret)
	if !ok || len(secret.StringData) == 0 {
		return
	}
	if secret.Data == nil {
		secret.Data = make(map[string][]byte, len(secret.StringData))
	}
	for key, value := range secret.StringData {
		secret.Data[key] = []byte(value)
	}
	secret.StringData = nil
}

// strip drops what a builder cannot mean to own: the status, what the server keeps in metadata, and the empty values
// that Go types leave behind.
func strip(want *unstructured.Unstructured, fieldOwner string) {
	delete(want.Object, "status")
	for _, field := range []string{
		"resourceVersion", "uid", "generation", "creationTimestamp", "deletionTimestamp",
		"deletionGracePeriodSeconds", "managedFields", "selfLink",
	} {
		unstructured.RemoveNestedField(want.Object, "metadata", field)
	}
	unstructured.RemoveNestedField(want.Object, "metadata", "annotations", Annotation(fieldOwner))
	dropEmpty(want.Object)
}

// dropEmpty removes nulls everywhere and empty structs where Go's encoder writes them for fields that were never set.
// Other empty objects have a meaning (emptyDir, podSelector) and stay.
func dropEmpty(value any) {
	switch v := value.(type) {
	case map[string]any:
		for key, field := range v {
			dropEmpty(field)
			if field == nil || (isEmptyObject(field) && leftBehind(key)) {
				delete(v, key)
			}
		}
	case []any:
		for _, element := range v {
			dropEmpty(element)
		}
	}
}

func leftBehind(key string) bool {
	switch key {
	case "status", "resources", "strategy", "updateStrategy", "metadata":
		return true
	}
	return false
}

func isEmptyObject(value any) bool {
	object, ok := value.(map[string]any)
	return ok && len(object) == 0
}

// hashOf is the sha256 of the canonical JSON of the object: keys sorted, as encoding/json writes maps.
func hashOf(want *unstructured.Unstructured) (string, error) {
	encoded, err := json.Marshal(want.Object)
	if err != nil {
		return "", fmt.Errorf("hashing %s: %w", describe(want), err)
	}
	sum := sha256.Sum256(encoded)
	return hex.EncodeToString(sum[:]), nil
}
