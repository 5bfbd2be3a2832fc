// SPDX-License-Identifier: Apache-2.0

package double

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// served is a kind that a Front serves.
type served struct {
	schema.GroupVersionKind

	namespaced bool
}

// servedKinds are those that managers read or write.
func servedKinds() []served {
	v1 := schema.GroupVersion{Version: "v1"}
	return []served{
		{GroupVersionKind: EtcdMemberKind},
		{GroupVersionKind: ControlNodeKind},
		{GroupVersionKind: ClusterConfigKind, namespaced: true},
		{
			GroupVersionKind: schema.GroupVersionKind{Group: "coordination.k8s.io", Version: "v1", Kind: "Lease"},
			namespaced:       true,
		},
		{GroupVersionKind: v1.WithKind("Node")},
		{GroupVersionKind: v1.WithKind("Pod"), namespaced: true},
		{GroupVersionKind: v1.WithKind("Event"), namespaced: true},
	}
}

func (s served) plural() string { return strings.ToLower(s.Kind) + "s" }

// base is the path of its group and version.
func (s served) base() string {
	if s.Group == "" {
		return "/api/" + s.Version
	}
	return "/apis/" + s.Group + "/" + s.Version
}

// collections are the paths of its lists, the one that its objects are below last.
func (s served) collections() []string {
	all := s.base() + "/" + s.plural()
	if !s.namespaced {
		return []string{all}
	}
	return []string{all, s.base() + "/namespaces/{namespace}/" + s.plural()}
}

func (s served) object(r *http.Request) *unstructured.Unstructured {
	object := empty(s.GroupVersionKind, r.PathValue("name"))
	object.SetNamespace(r.PathValue("namespace"))
	return object
}

func (s served) list() *unstructured.UnstructuredList {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(s.GroupVersion().WithKind(s.Kind + "List"))
	return list
}

func (f *Front) routes() http.Handler {
	mux := http.NewServeMux()
	fine := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }
	mux.HandleFunc("GET /{$}", fine)
	mux.HandleFunc("GET /readyz", fine)
	discover(mux)
	for _, kind := range servedKinds() {
		for _, path := range kind.collections() {
			mux.HandleFunc("GET "+path, f.listOrWatch(kind))
		}
		one := kind.collections()[len(kind.collections())-1] + "/{name}"
		mux.HandleFunc("GET "+one, f.get(kind))
		mux.HandleFunc("PATCH "+one, f.patch(kind))
	}
	return mux
}

// discover serves what there is.
func discover(mux *http.ServeMux) {
	groups := &metav1.APIGroupList{TypeMeta: metav1.TypeMeta{Kind: "APIGroupList", APIVersion: "v1"}}
	resources := map[string]*metav1.APIResourceList{}
	for _, kind := range servedKinds() {
		if resources[kind.base()] == nil {
			version := metav1.GroupVersionForDiscovery{GroupVersion: kind.GroupVersion().String(), Version: kind.Version}
			resources[kind.base()] = &metav1.APIResourceList{GroupVersion: version.GroupVersion}
			if kind.Group != "" {
				groups.Groups = append(groups.Groups, metav1.APIGroup{
					Name: kind.Group, Versions: []metav1.GroupVersionForDiscovery{version}, PreferredVersion: version,
				})
			}
		}
		resources[kind.base()].APIResources = append(resources[kind.base()].APIResources, metav1.APIResource{
			Name: kind.plural(), Kind: kind.Kind, Namespaced: kind.namespaced,
			Verbs: metav1.Verbs{"get", "list", "watch", "patch"},
		})
	}
	constant := func(value any) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { answer(w, value, nil) }
	}
	mux.HandleFunc("GET /api", constant(&metav1.APIVersions{Versions: []string{"v1"}}))
	mux.HandleFunc("GET /apis", constant(groups))
	for base, list := range resources {
		mux.HandleFunc("GET "+base, constant(list))
	}
}

// answer writes a value, or an error as an API server does.
func answer(w http.ResponseWriter, value any, err error) {
	code := http.StatusOK
	if err != nil {
		status := apierrors.NewInternalError(err).Status()
		if known := apierrors.APIStatus(nil); errors.As(err, &known) {
			status = known.Status()
		}
		status.Kind, status.APIVersion = "Status", "v1"
		value, code = status, int(status.Code)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	if err := json.NewEncoder(w).Encode(value); err != nil {
		panic(http.ErrAbortHandler) // Who asked has gone.
	}
}

func (f *Front) get(kind served) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		object := kind.object(r)
		err := f.double.options.Workload.Get(r.Context(), client.ObjectKeyFromObject(object), object)
		answer(w, object, err)
	}
}

func (f *Front) listOrWatch(kind served) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("watch") != "" {
			f.watch(kind, w, r)
			return
		}
		list, err := f.list(kind, r)
		if strings.Contains(r.Header.Get("Accept"), "as=PartialObjectMetadataList") {
			metadataOnly(list)
		}
		answer(w, list, err)
	}
}

// list leaves out selectors of fields, which need an index in memory: what is selected so is all there is.
func (f *Front) list(kind served, r *http.Request) (*unstructured.UnstructuredList, error) {
	selector, err := labels.Parse(r.URL.Query().Get("labelSelector"))
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	list := kind.list()
	if err := f.double.options.Workload.List(r.Context(), list, client.InNamespace(r.PathValue("namespace")),
		client.MatchingLabelsSelector{Selector: selector}); err != nil {
		return nil, fmt.Errorf("listing %ss: %w", kind.Kind, err)
	}
	list.SetResourceVersion("1")
	return list, nil
}

func metadataOnly(list *unstructured.UnstructuredList) {
	partial := metav1.SchemeGroupVersion.WithKind("PartialObjectMetadata")
	list.SetGroupVersionKind(partial.GroupVersion().WithKind(partial.Kind + "List"))
	for i := range list.Items {
		list.Items[i].SetGroupVersionKind(partial)
	}
}

// watch sends everything that is there, that this was all, and then what changes.
func (f *Front) watch(kind served, w http.ResponseWriter, r *http.Request) {
	workload, ok := f.double.options.Workload.(client.WithWatch)
	if !ok {
		answer(w, nil, apierrors.NewMethodNotSupported(schema.GroupResource{Resource: kind.plural()}, "watch"))
		return
	}
	changes, err := workload.Watch(r.Context(), kind.list())
	if err != nil {
		answer(w, nil, err)
		return
	}
	defer changes.Stop()
	list, err := f.list(kind, r)
	if err != nil {
		answer(w, nil, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	stream := stream{json.NewEncoder(w), http.NewResponseController(w)}
	for i := range list.Items {
		stream.send(watch.Added, &list.Items[i])
	}
	end := empty(kind.GroupVersionKind, "")
	end.SetResourceVersion("1")
	end.SetAnnotations(map[string]string{metav1.InitialEventsAnnotationKey: "true"})
	stream.send(watch.Bookmark, end)
	stream.follow(r.Context(), changes)
}

// stream is the answer to a watch.
type stream struct {
	events *json.Encoder
	*http.ResponseController
}

func (s stream) send(event watch.EventType, object any) {
	if err := errors.Join(s.events.Encode(map[string]any{"type": event, "object": object}), s.Flush()); err != nil {
		panic(http.ErrAbortHandler) // Who watched has gone.
	}
}

func (s stream) follow(ctx context.Context, changes watch.Interface) {
	for {
		select {
		case <-ctx.Done():
			return
		case event, ok := <-changes.ResultChan():
			if !ok {
				return
			}
			s.send(event.Type, event.Object)
		}
	}
}

func (f *Front) patch(kind served) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		object := kind.object(r)
		err := f.change(r, object)
		if err == nil && kind.Kind == ClusterConfigKind.Kind {
			err = f.accept(r.Context())
		}
		answer(w, object, err)
	}
}

func (f *Front) change(r *http.Request, object *unstructured.Unstructured) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return fmt.Errorf("reading the patch: %w", err)
	}
	owner := client.FieldOwner(r.URL.Query().Get("fieldManager"))
	patchType := types.PatchType(r.Header.Get("Content-Type"))
	if patchType != types.ApplyYAMLPatchType {
		return f.double.options.Workload.Patch(r.Context(), object, client.RawPatch(patchType, body), owner)
	}
	if err := yaml.Unmarshal(body, &object.Object); err != nil {
		return apierrors.NewBadRequest(err.Error())
	}
	return f.double.options.Workload.Apply(r.Context(), client.ApplyConfigurationFromUnstructured(object), owner,
		client.ForceOwnership)
}

// accept is k0s, which has taken its configuration.
func (f *Front) accept(ctx context.Context) error {
	at := metav1.NewTime(time.Now())
	return f.double.options.Workload.Create(ctx, &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Namespace: metav1.NamespaceSystem, GenerateName: "k0s."},
		InvolvedObject: corev1.ObjectReference{Kind: ClusterConfigKind.Kind, Namespace: metav1.NamespaceSystem, Name: "k0s"},
		Reason:         "SuccessfulReconcile", FirstTimestamp: at, LastTimestamp: at,
	})
}
