// SPDX-License-Identifier: Apache-2.0

// Package progress shows a person how a cluster comes up: one line for each condition of each object, when it changes,
// with what is awaited.
package progress

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Kind is a kind of object to watch and which of its conditions to tell about, in this order.
type Kind struct {
	schema.GroupVersionKind

	Conditions []string
}

// Kinds are those that clusters in the lab are made of, with a hosted control plane or one on machines.
func Kinds() []Kind {
	of := func(group, version, kind string, conditions ...string) Kind {
		return Kind{schema.GroupVersionKind{Group: group + ".cluster.x-k8s.io", Version: version, Kind: kind}, conditions}
	}
	cluster := of("", "v1beta2", "Cluster",
		"InfrastructureReady", "ControlPlaneInitialized", "ControlPlaneAvailable", "WorkersAvailable", "Available")
	machine := of(
		"",
		"v1beta2",
		"Machine",
		"BootstrapConfigReady",
		"InfrastructureReady",
		"NodeReady",
		"UpToDate",
		"Available",
	)
	deployment := of("", "v1beta2", "MachineDeployment", "MachinesUpToDate", "RollingOut", "Available")
	for _, kind := range []*Kind{&cluster, &machine, &deployment} {
		kind.Group = "cluster.x-k8s.io"
	}
	return []Kind{
		cluster,
		of("controlplane", "v1beta2", "K0smotronControlPlane", "CertificatesAvailable", "EndpointReady", "EtcdClusterHealthy",
			"ControlPlaneComponentsHealthy", "ConfigurationApplied", "Initialized", "Available"),
		deployment,
		machine,
		of("bootstrap", "v1beta2", "K0sWorkerConfig", "ControlPlaneJoinable", "DataSecretAvailable"),
		of("controlplane", "v1beta2", "K0sControlPlane", "CertificatesAvailable", "EndpointReady", "Initialized",
			"EtcdClusterHealthy", "ControlPlaneComponentsHealthy", "ConfigurationApplied", "ScalingUp", "ScalingDown",
			"RollingOut", "Available"),
		of("bootstrap", "v1beta2", "K0sControllerConfig", "ControlPlaneJoinable", "DataSecretAvailable"),
	}
}

// Printer prints what is new since the last look. The zero value is not usable; see New.
type Printer struct {
	out   io.Writer
	clock clock.PassiveClock
	start time.Time
	said  map[string]string
}

// New prints to out, with the time since now in front of each line.
func New(out io.Writer, c clock.PassiveClock) *Printer {
	return &Printer{out: out, clock: c, start: c.Now(), said: map[string]string{}}
}

// Since is the time since New.
func (p *Printer) Since() time.Duration { return p.clock.Since(p.start) }

// Look reads all objects of the kinds in a namespace and prints the conditions that have changed.
func (p *Printer) Look(ctx context.Context, c client.Reader, namespace string, kinds []Kind) error {
	for _, kind := range kinds {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(kind.GroupVersionKind)
		if err := c.List(ctx, list, client.InNamespace(namespace)); err != nil {
			return fmt.Errorf("listing %s: %w", kind.Kind, err)
		}
		for i := range list.Items {
			p.object(&list.Items[i], kind.Conditions)
		}
	}
	return nil
}

func (p *Printer) object(object *unstructured.Unstructured, wanted []string) {
	for _, conditionType := range wanted {
		condition, ok := Condition(object, conditionType)
		if !ok {
			continue
		}
		p.Say(object.GetKind()+"/"+object.GetName(), conditionType, condition)
	}
}

// Status is what a condition says.
type Status struct{ Status, Reason, Message string }

// Say prints a line unless it is what was last said of this condition of this object.
func (p *Printer) Say(object, conditionType string, status Status) {
	text := status.Reason
	if message := oneLine(status.Message); message != "" && status.Status != "True" {
		text += ": " + message
	}
	line := fmt.Sprintf("%-42s %-30s %-8s %s", object, conditionType, status.Status, text)
	key := object + " " + conditionType
	if p.said[key] == line {
		return
	}
	p.said[key] = line
	fmt.Fprintf(p.out, "%6.1fs  %s\n", p.Since().Seconds(), strings.TrimRight(line, " "))
}

func oneLine(message string) string {
	const most = 160
	line := strings.Join(strings.Fields(message), " ")
	if len(line) > most {
		line = line[:most] + "…"
	}
	return line
}

// Condition reads one condition of an object.
func Condition(object *unstructured.Unstructured, conditionType string) (Status, bool) {
	conditions, _, err := unstructured.NestedSlice(object.Object, "status", "conditions")
	if err != nil {
		return Status{}, false
	}
	for _, entry := range conditions {
		fields, ok := entry.(map[string]any)
		if !ok || fields["type"] != conditionType {
			continue
		}
		text := func(key string) string {
			value, _, _ := unstructured.NestedString(fields, key)
			return value
		}
		return Status{Status: text("status"), Reason: text("reason"), Message: text("message")}, true
	}
	return Status{}, false
}
