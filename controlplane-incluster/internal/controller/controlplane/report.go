// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-incluster/api/v1beta2"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/child"
	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/desired"
	"github.com/k0smotron/k0smotron/shared/conditions"
	"github.com/k0smotron/k0smotron/shared/k0sversion"
)

// report fills the status from the facts of the pass, whatever ended it.
func report(s *scope) {
	if !s.gathered {
		return // Paused, or nothing is known.
	}
	s.reportReplicas()
	s.reportVersions()
	s.reportExpiry()
	s.reportEtcd()
	s.reportComponents()
	s.reportRollout()
	s.reportScaling()
	s.reportAvailable()
}

// wanted is the number of pods that the spec asks for.
func (s *scope) wanted() int32 {
	if s.controlPlane.Spec.Replicas == nil {
		return 1
	}
	return *s.controlPlane.Spec.Replicas
}

func (s *scope) reportReplicas() {
	status := &s.controlPlane.Status
	counts := appsv1.StatefulSetStatus{}
	if s.podSet != nil {
		counts = s.podSet.Status
	}
	status.Selector = labels.SelectorFromSet(s.identity().Selector(child.RoleControlPlane)).String()
	status.Replicas = new(counts.Replicas)
	status.ReadyReplicas = new(counts.ReadyReplicas)
	status.AvailableReplicas = new(counts.AvailableReplicas)
	status.UpToDateReplicas = new(upToDate(s.podSet))
	status.ExternalManagedControlPlane = new(true)
}

// upToDate counts the pods of the newest template. Before the StatefulSet controller has seen a change, none is.
func upToDate(set *appsv1.StatefulSet) int32 {
	if set == nil || set.Status.ObservedGeneration < set.Generation {
		return 0
	}
	return set.Status.UpdatedReplicas
}

// reportVersions tells what runs, in the form in which the user wrote the version. While nothing is ready, the last
// report stands: what ran last is nearer to the truth than what is wished. It waits for the StatefulSet to count the pod,
// so that both are one write.
func (s *scope) reportVersions() {
	spec, err := k0sversion.Parse(s.controlPlane.Spec.Version)
	if err != nil || *s.controlPlane.Status.ReadyReplicas == 0 {
		return
	}
	running := map[string]int32{}
	versions := map[string]k0sversion.Version{}
	for i := range s.pods {
		version, err := desired.ReleaseOfImage(k0sImage(&s.pods[i]))
		if err != nil || !podReady(&s.pods[i]) {
			continue
		}
		text := k0sversion.Reported(spec, version)
		running[text]++
		versions[text] = version
	}
	if len(running) == 0 {
		return
	}
	status := &s.controlPlane.Status
	status.Versions = nil
	for text, replicas := range running {
		status.Versions = append(status.Versions, clusterv1.StatusVersion{Version: text, Replicas: replicas})
	}
	slices.SortFunc(status.Versions, func(a, b clusterv1.StatusVersion) int {
		return cmp.Or(versions[a.Version].Compare(versions[b.Version]), strings.Compare(a.Version, b.Version))
	})
	status.Version = status.Versions[0].Version
}

func k0sImage(pod *corev1.Pod) string {
	for i := range pod.Spec.Containers {
		if pod.Spec.Containers[i].Name == desired.ContainerK0s {
			return pod.Spec.Containers[i].Image
		}
	}
	return ""
}

func podReady(pod *corev1.Pod) bool {
	return pod.DeletionTimestamp.IsZero() && slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

func (s *scope) reportExpiry() {
	if s.leaves.expiry.IsZero() {
		return
	}
	if expire := desired.LeavesExpire(s.pods, desired.LeafLife(s.config)); !expire.IsZero() {
		s.leaves.expires(expire)
	}
	s.controlPlane.Status.CertificatesExpiryDate = metav1.NewTime(s.leaves.expiry)
}

func (s *scope) reportEtcd() {
	const condition = controlplanev1.EtcdClusterHealthyCondition
	switch {
	case usesKine(s.controlPlane):
		s.reportKine()
	case s.etcdSet == nil:
		return // Its phase has not come to it, and says why.
	case s.etcdSet.Status.ReadyReplicas >= 1:
		conditions.True(s.controlPlane, condition, controlplanev1.HealthyReason, "")
	default:
		conditions.False(s.controlPlane, condition, controlplanev1.NotHealthyReason,
			"waiting for etcd to become ready: look at the pods of StatefulSet "+s.etcdSet.Name)
	}
}

// reportKine judges a database by the API server, which is ready only while it can reach it.
func (s *scope) reportKine() {
	const condition = controlplanev1.EtcdClusterHealthyCondition
	switch {
	case s.leaves.placed == "":
		return // The data source could not be read, and the phase says why.
	case s.podSet != nil && s.podSet.Status.ReadyReplicas > 0:
		conditions.True(s.controlPlane, condition, controlplanev1.HealthyReason, "")
	default:
		conditions.Unknown(s.controlPlane, condition, controlplanev1.ReconciliationUnknownReason,
			"the API server, which tells about the database, is not ready")
	}
}

func (s *scope) reportComponents() {
	const condition = controlplanev1.ControlPlaneComponentsHealthyCondition
	switch {
	case s.podsFailed:
		return // The condition says why.
	case s.podSet == nil:
		conditions.False(
			s.controlPlane,
			condition,
			controlplanev1.NotHealthyReason,
			"the control plane pods do not exist yet",
		)
	case s.podSet.Status.ReadyReplicas > 0:
		conditions.True(s.controlPlane, condition, controlplanev1.HealthyReason, "")
	default:
		conditions.False(s.controlPlane, condition, controlplanev1.NotHealthyReason,
			"waiting for a control plane pod to become ready"+whyNotReady(s.pods))
	}
}

// whyNotReady is what the management cluster says about pods that need somebody's help. The stations of every start are not
// among it: following them would be a write each, and tell nobody anything.
func whyNotReady(pods []corev1.Pod) string {
	var reasons []string
	for i := range pods {
		if reason := podReason(&pods[i]); reason != "" {
			reasons = append(reasons, "pod "+pods[i].Name+" "+reason)
		}
	}
	if len(reasons) == 0 {
		return ""
	}
	slices.Sort(reasons)
	return ": " + strings.Join(reasons, ", ")
}

func podReason(pod *corev1.Pod) string {
	if !pod.DeletionTimestamp.IsZero() {
		return "is stopping"
	}
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodScheduled && condition.Status == corev1.ConditionFalse {
			return "cannot be scheduled: " + condition.Message
		}
	}
	for _, status := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		if reason := containerReason(status); reason != "" {
			return "container " + status.Name + " " + reason
		}
	}
	return ""
}

// containerReason stays the same while a container that fails goes round between its end, a pause and the next try.
func containerReason(status corev1.ContainerStatus) string {
	ended := cmp.Or(status.State.Terminated, status.LastTerminationState.Terminated)
	switch {
	case ended != nil && ended.ExitCode != 0:
		return fmt.Sprintf("ended with exit code %d", ended.ExitCode)
	case status.State.Waiting == nil || starting(status.State.Waiting.Reason):
		return ""
	case status.State.Waiting.Reason == "ErrImagePull":
		return "is waiting: ImagePullBackOff"
	}
	return "is waiting: " + status.State.Waiting.Reason
}

// starting tells the stations of every start, which would only be noise, from what keeps a container waiting.
func starting(reason string) bool {
	return reason == "" || reason == "ContainerCreating" || reason == "PodInitializing"
}

func (s *scope) reportRollout() {
	const condition = controlplanev1.RollingOutCondition
	var rolling []string
	for part, set := range map[string]*appsv1.StatefulSet{"k0s": s.podSet, "etcd": s.etcdSet} {
		if set != nil && set.Status.ObservedGeneration > 0 && rollsOut(set) {
			rolling = append(rolling, part)
		}
	}
	if len(rolling) > 0 {
		slices.Sort(rolling)
		conditions.True(s.controlPlane, condition, controlplanev1.RollingOutReason,
			"restarting with what was asked for: "+strings.Join(rolling, ", "))
		return
	}
	message := ""
	if len(s.waiting) > 0 {
		message = "this release of the provider renders " + strings.Join(s.waiting, ", ") +
			" in another way; what runs stays as it is until the spec changes"
	}
	conditions.False(s.controlPlane, condition, controlplanev1.NotRollingOutReason, message)
}

// rollsOut tells a template that has changed from a pod that has just gone: then both revisions are the same.
func rollsOut(set *appsv1.StatefulSet) bool {
	return set.Status.ObservedGeneration < set.Generation || set.Status.CurrentRevision != set.Status.UpdateRevision
}

func (s *scope) reportScaling() {
	wanted, exist := s.wanted(), *s.controlPlane.Status.Replicas
	if exist < wanted {
		conditions.True(s.controlPlane, controlplanev1.ScalingUpCondition, controlplanev1.ScalingUpReason,
			fmt.Sprintf("%d of %d control plane pods exist", exist, wanted))
	} else {
		conditions.False(s.controlPlane, controlplanev1.ScalingUpCondition, controlplanev1.NotScalingUpReason, "")
	}
	if exist > wanted {
		conditions.True(s.controlPlane, controlplanev1.ScalingDownCondition, controlplanev1.ScalingDownReason,
			fmt.Sprintf("%d control plane pods exist, %d are wanted", exist, wanted))
	} else {
		conditions.False(s.controlPlane, controlplanev1.ScalingDownCondition, controlplanev1.NotScalingDownReason, "")
	}
}

// reportAvailable sums up. The configuration counts only until the cluster is up: a change that is refused later leaves
// a control plane that works.
func (s *scope) reportAvailable() {
	const condition = controlplanev1.AvailableCondition
	if !s.controlPlane.DeletionTimestamp.IsZero() {
		conditions.False(s.controlPlane, condition, controlplanev1.NotAvailableReason, "the control plane is being deleted")
		return
	}
	conditions.False(s.controlPlane, controlplanev1.DeletingCondition, controlplanev1.NotDeletingReason, "")
	parts := []string{controlplanev1.CertificatesAvailableCondition, controlplanev1.EndpointReadyCondition}
	if !s.controlPlane.Initialized() &&
		conditions.Get(s.controlPlane, controlplanev1.ConfigurationAppliedCondition) != nil {
		parts = append(parts, controlplanev1.ConfigurationAppliedCondition)
	}
	parts = append(
		parts,
		controlplanev1.EtcdClusterHealthyCondition,
		controlplanev1.ControlPlaneComponentsHealthyCondition,
		controlplanev1.InitializedCondition,
	)
	conditions.Summary(s.controlPlane, condition, controlplanev1.AvailableReason, parts...)
}
