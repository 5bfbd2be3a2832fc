// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"reflect"
	"slices"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// unchanged says whether live is what applying want again would leave: it has every field of want, among them the
// annotation with the hash of want. Fields that only live has are the server's defaults or somebody else's.
func unchanged(want *unstructured.Unstructured, live client.Object) (bool, error) {
	fields, err := content(live)
	if err != nil {
		return false, err
	}
	desired := runtime.DeepCopyJSON(want.Object)
	delete(desired, "apiVersion") // The cache leaves both out of typed objects.
	delete(desired, "kind")
	return contains(fields, desired, ""), nil
}

// contains says whether live has everything that want has. field is the name of the field both values are in.
func contains(live, want any, field string) bool {
	switch w := want.(type) {
	case map[string]any:
		return containsObject(live, w, field)
	case []any:
		return containsList(live, w, field)
	case string:
		l, ok := live.(string)
		return ok && (l == w || (isQuantityField(field) && sameQuantity(l, w)))
	}
	return sameNumber(live, want) || reflect.DeepEqual(live, want)
}

func containsObject(live any, want map[string]any, field string) bool {
	l, ok := live.(map[string]any)
	if !ok {
		return live == nil && len(want) == 0
	}
	for key, value := range want {
		name := key
		if isQuantityField(field) {
			name = field
		}
		if !contains(l[key], value, name) {
			return false
		}
	}
	return true
}

// containsList compares element by element. A longer live list is accepted only where elements have an identity, as
// server-side apply merges such lists and others may add to them.
func containsList(live any, want []any, field string) bool {
	l, ok := live.([]any)
	if !ok {
		return live == nil && len(want) == 0
	}
	if len(l) == len(want) && containsInOrder(l, want, field) {
		return true
	}
	return len(l) >= len(want) && containsByIdentity(l, want, field)
}

func containsInOrder(live, want []any, field string) bool {
	for i := range want {
		if !contains(live[i], want[i], field) {
			return false
		}
	}
	return true
}

func containsByIdentity(live, want []any, field string) bool {
	for _, w := range want {
		element, ok := w.(map[string]any)
		if !ok {
			return containsInSet(live, w, field)
		}
		if !containsElement(live, element, field) {
			return false
		}
	}
	return true
}

// containsInSet accepts scalars in any order for the one set of scalars that children have.
func containsInSet(live []any, want any, field string) bool {
	return field == "finalizers" && slices.Contains(live, want)
}

func containsElement(live []any, want map[string]any, field string) bool {
	key := identity(want)
	if key == "" {
		return false
	}
	for _, l := range live {
		element, ok := l.(map[string]any)
		if ok && reflect.DeepEqual(element[key], want[key]) && contains(element, want, field) {
			return true
		}
	}
	return false
}

// identity is the field that tells the elements of a merged list apart; empty for lists that are written as a whole.
func identity(element map[string]any) string {
	for _, key := range []string{"uid", "name", "mountPath", "containerPort", "port", "type", "ip"} {
		if _, ok := element[key]; ok {
			return key
		}
	}
	return ""
}

// isQuantityField names the fields below which the server rewrites quantities ("1000m" becomes "1").
func isQuantityField(field string) bool {
	switch field {
	case "requests", "limits", "capacity", "hard", "sizeLimit":
		return true
	}
	return false
}

func sameQuantity(a, b string) bool {
	qa, errA := resource.ParseQuantity(a)
	qb, errB := resource.ParseQuantity(b)
	return errA == nil && errB == nil && qa.Cmp(qb) == 0
}

// sameNumber compares numbers whose Go types differ only by the decoder they came from.
func sameNumber(a, b any) bool {
	na, okA := number(a)
	nb, okB := number(b)
	return okA && okB && na == nb
}

func number(value any) (float64, bool) {
	switch v := value.(type) {
	case int64:
		return float64(v), true
	case int32:
		return float64(v), true
	case int:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}
