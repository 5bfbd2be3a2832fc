// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"os"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/k0smotron/k0smotron/e2e/lab/k0sstandin/internal/clusterconfig"
)

// configDefinition is the CustomResourceDefinition of the cluster-wide configuration.
func configDefinition() *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
		"metadata": map[string]any{"name": configResource.GroupResource().String()},
		"spec": map[string]any{
			"group": configResource.Group, "scope": "Namespaced",
			"names": map[string]any{
				"kind": clusterconfig.Kind, "listKind": clusterconfig.Kind + "List",
				"plural": configResource.Resource, "singular": "clusterconfig",
			},
			"versions": []any{map[string]any{
				"name": configResource.Version, "served": true, "storage": true,
				"schema": map[string]any{"openAPIV3Schema": clusterconfig.Schema()},
			}},
		},
	}}
}

// report tells the verdict about the object as an Event, the only place where k0s tells it.
func (f *follower) report(ctx context.Context, object *unstructured.Unstructured, verdict error) {
	hostname, _ := os.Hostname()
	now := metav1.Now()
	event := &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "k0s.", Namespace: clusterconfig.Namespace},
		EventTime:  metav1.NowMicro(), FirstTimestamp: now, LastTimestamp: now,
		InvolvedObject: corev1.ObjectReference{
			APIVersion: clusterconfig.APIVersion, Kind: clusterconfig.Kind, Namespace: object.GetNamespace(),
			Name: object.GetName(), UID: object.GetUID(), ResourceVersion: object.GetResourceVersion(),
		},
		Action: "ConfigReconciling", ReportingController: "k0s-controller", ReportingInstance: hostname,
		Type: corev1.EventTypeNormal, Reason: "SuccessfulReconcile", Message: "Successfully reconciled cluster config",
	}
	if verdict != nil {
		event.Type, event.Reason, event.Message = corev1.EventTypeWarning, "FailedReconciling", verdict.Error()
	}
	if _, err := f.Controller.client.CoreV1().
		Events(clusterconfig.Namespace).
		Create(ctx, event, metav1.CreateOptions{}); err != nil {
		f.Log.Warn("reporting on the cluster configuration", "error", err)
	}
}
