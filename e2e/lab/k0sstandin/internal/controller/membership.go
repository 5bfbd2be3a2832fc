// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"

	"github.com/k0smotron/k0smotron/e2e/lab/k0sstandin/internal/clusterconfig"
	"github.com/k0smotron/k0smotron/e2e/lab/k0sstandin/internal/version"
)

// Labels of an EtcdMember: the lease of its controller, and the life of it that may be asked to shut down.
const (
	leaseLabel    = "k0s.k0sproject.io/controller-lease"
	lifeLabel     = "k0s.k0sproject.io/shutdown-on-leave"
	shutdownLabel = "k0s.k0sproject.io/shutdown"
)

// hostnameVariable is the environment variable that names the ControlNode.
const hostnameVariable = "AUTOPILOT_HOSTNAME"

// onlyController is what k0s says to the last one that is told to leave.
const onlyController = "The only active controller cannot leave the etcd cluster" +
	"; either bring another controller online or clear spec.leave"

// membership tells the cluster who this controller is.
type membership struct {
	client dynamic.Interface
	etcd   interface {
		members(ctx context.Context) ([]etcdMember, error)
	}
	log *slog.Logger
	// member is the name of the member of etcd; it is empty where etcd is not the controller's own.
	member, peerAddress string
	// controlNode is the name of the ControlNode; it is empty where autopilot is disabled.
	controlNode, apiAddress string
	hostname, invocation    string
}

func (c *Controller) newMembership(client dynamic.Interface, hostname string) (*membership, error) {
	m := &membership{
		client: client, log: c.Log, hostname: hostname, invocation: c.invocation, apiAddress: c.Config.Spec.API.Address,
	}
	if c.enabled("autopilot") {
		m.controlNode = nodeName(os.Getenv(hostnameVariable), hostname)
	}
	if storage := c.Config.Spec.Storage; storage.Type == clusterconfig.StorageEtcd && storage.Etcd.ExternalCluster == nil {
		api, err := c.newEtcdAPI()
		if err != nil {
			return nil, err
		}
		m.etcd, m.peerAddress = api, storage.Etcd.PeerAddress
		m.member = nodeName(storage.Etcd.ExtraArgs["name"], hostname)
	}
	return m, nil
}

// nodeName is how k0s writes a name, if there is one, else the host's.
func nodeName(name, hostname string) string {
	if name = strings.TrimSpace(name); name == "" {
		name = hostname
	}
	return strings.ToLower(name)
}

// tellMembership makes the objects that stand for this controller, and keeps them true while it leads.
func (c *Controller) tellMembership(ctx context.Context, hostname string, isLeader func() bool) error {
	applier, err := c.newApplier()
	if err != nil {
		return err
	}
	m, err := c.newMembership(applier.client, hostname)
	if err != nil {
		return err
	}
	f := &follower{Controller: c, applier: applier, isLeader: isLeader}
	f.retry(ctx, func() error {
		if isLeader() {
			if err := applier.apply(ctx, m.definitions()); err != nil {
				return err
			}
		}
		return m.register(ctx)
	})
	return every(ctx, 10*time.Second, c.whenLeader(isLeader, m.resync))()
}

func (m *membership) definitions() []*unstructured.Unstructured {
	var definitions []*unstructured.Unstructured
	if m.member != "" {
		definitions = append(definitions, memberDefinition())
	}
	if m.controlNode != "" {
		definitions = append(definitions, controlNodeDefinition())
	}
	return definitions
}

// register makes the objects, or renews those of an earlier life.
func (m *membership) register(ctx context.Context) error {
	if m.controlNode != "" {
		if err := m.registerNode(ctx); err != nil {
			return fmt.Errorf("registering ControlNode %s: %w", m.controlNode, err)
		}
	}
	if m.member != "" {
		if err := m.registerMember(ctx); err != nil {
			return fmt.Errorf("registering EtcdMember %s: %w", m.member, err)
		}
	}
	return nil
}

func (m *membership) registerNode(ctx context.Context) error {
	node := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": controlNodeResource.GroupVersion().String(), "kind": "ControlNode",
	}}
	node.SetName(m.controlNode)
	node.SetLabels(map[string]string{
		"kubernetes.io/hostname": m.controlNode, "kubernetes.io/os": runtime.GOOS, "kubernetes.io/arch": runtime.GOARCH,
	})
	node.SetAnnotations(map[string]string{"autopilot.k0sproject.io/mode": "controller"})
	nodes := m.client.Resource(controlNodeResource)
	node, err := ensure(ctx, nodes, node, func(*unstructured.Unstructured) {})
	if err != nil {
		return err
	}
	node.Object["status"] = map[string]any{
		"k0sVersion": version.Version,
		"addresses": []any{
			map[string]any{"type": "InternalIP", "address": m.apiAddress},
			map[string]any{"type": "Hostname", "address": m.controlNode},
		},
	}
	_, err = nodes.UpdateStatus(ctx, node, metav1.UpdateOptions{})
	return err
}

func (m *membership) registerMember(ctx context.Context) error {
	id, err := m.ownID(ctx)
	if err != nil {
		return err
	}
	own := map[string]string{leaseLabel: "k0s-ctrl-" + strings.ToLower(m.hostname), lifeLabel: m.invocation}
	member := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": memberResource.GroupVersion().String(), "kind": "EtcdMember", "spec": map[string]any{"leave": false},
	}}
	member.SetName(m.member)
	member.SetLabels(own)
	members := m.client.Resource(memberResource)
	member, err = ensure(ctx, members, member, func(existing *unstructured.Unstructured) {
		labels := existing.GetLabels()
		if labels == nil {
			labels = map[string]string{}
		}
		maps.Copy(labels, own)
		delete(labels, shutdownLabel)
		existing.SetLabels(labels)
		existing.Object["spec"] = map[string]any{"leave": false}
	})
	if err != nil {
		return err
	}
	status := statusOf(member)
	status["peerAddress"], status["memberID"] = m.peerAddress, id
	setJoined(status, "True", "Member joined")
	_, err = members.UpdateStatus(ctx, member, metav1.UpdateOptions{})
	return err
}

// ownID is the id of the member of etcd that runs here.
func (m *membership) ownID(ctx context.Context) (string, error) {
	all, err := m.etcd.members(ctx)
	if err != nil {
		return "", err
	}
	own := slices.IndexFunc(all, func(member etcdMember) bool { return strings.EqualFold(member.Name, m.member) })
	if own < 0 {
		return "", fmt.Errorf("etcd has no member of this name, but %v", all)
	}
	return all[own].hexID()
}

// resync brings all EtcdMembers to what etcd says.
func (m *membership) resync(ctx context.Context) error {
	if m.member == "" {
		return nil
	}
	members := m.client.Resource(memberResource)
	list, err := members.List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("listing EtcdMembers: %w", err)
	}
	known, err := m.knownIDs(ctx)
	if err != nil {
		return err
	}
	for i := range list.Items {
		before := list.Items[i].DeepCopy()
		m.reconcile(&list.Items[i], known)
		if fmt.Sprint(before.Object["status"]) == fmt.Sprint(list.Items[i].Object["status"]) {
			continue
		}
		if _, err := members.UpdateStatus(ctx, &list.Items[i], metav1.UpdateOptions{}); err != nil {
			return fmt.Errorf("writing the status of EtcdMember %s: %w", before.GetName(), err)
		}
	}
	return nil
}

func (m *membership) knownIDs(ctx context.Context) (map[string]bool, error) {
	all, err := m.etcd.members(ctx)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, member := range all {
		id, err := member.hexID()
		if err != nil {
			return nil, err
		}
		known[id] = true
	}
	return known, nil
}

// reconcile changes the status of one EtcdMember as k0s does where there is one controller.
func (m *membership) reconcile(member *unstructured.Unstructured, known map[string]bool) {
	status := statusOf(member)
	leave, _, _ := unstructured.NestedBool(member.Object, "spec", "leave")
	switch id, _ := status["memberID"].(string); {
	case !known[id]:
		const gone = "No such member ID"
		status["message"], status["reconcileStatus"] = gone, "Success"
		setJoined(status, "False", gone)
	case leave:
		m.log.Error(onlyController, "member", member.GetName())
		status["message"] = onlyController
		delete(status, "reconcileStatus")
	}
}

func statusOf(member *unstructured.Unstructured) map[string]any {
	status, ok := member.Object["status"].(map[string]any)
	if !ok {
		status = map[string]any{}
		member.Object["status"] = status
	}
	return status
}

// setJoined sets the one condition there is. Its time changes only with its value.
func setJoined(status map[string]any, value, message string) {
	since := metav1.Now().UTC().Format(time.RFC3339)
	if conditions, ok := status["conditions"].([]any); ok && len(conditions) > 0 {
		if former, ok := conditions[0].(map[string]any); ok && former["status"] == value {
			if last, ok := former["lastTransitionTime"].(string); ok {
				since = last
			}
		}
	}
	status["conditions"] = []any{map[string]any{
		"type": "Joined", "status": value, "message": message, "lastTransitionTime": since,
	}}
}

// ensure creates an object, or changes the one that is there.
func ensure(
	ctx context.Context, resource dynamic.ResourceInterface, wanted *unstructured.Unstructured,
	change func(existing *unstructured.Unstructured),
) (*unstructured.Unstructured, error) {
	existing, err := resource.Get(ctx, wanted.GetName(), metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return resource.Create(ctx, wanted, metav1.CreateOptions{})
	}
	if err != nil {
		return nil, err
	}
	change(existing)
	return resource.Update(ctx, existing, metav1.UpdateOptions{})
}
