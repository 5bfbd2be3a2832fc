// SPDX-License-Identifier: Apache-2.0

// Package provisioner makes PersistentVolumes out of directories of the host, for the lab's default StorageClass.
// They are `local` volumes, so the kubelet applies fsGroup to them as it does to a cloud's disks: a pod that forgets
// to ask for its group cannot write, here as there.
package provisioner

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Name is the provisioner of the StorageClass and marks the volumes it made.
const Name = "lab.k0smotron.io/directory"

const (
	provisionedBy = "pv.kubernetes.io/provisioned-by"
	// claimProvisioner is set on a claim by the controller manager once it wants a volume.
	claimProvisioner = "volume.kubernetes.io/storage-provisioner"
)

// VolumeName is the same for every attempt, so a repeated attempt finds what the first one made.
func VolumeName(claim *corev1.PersistentVolumeClaim) string {
	return "pvc-" + string(claim.UID)
}

// WantsVolume says whether this claim waits for the lab.
func WantsVolume(claim *corev1.PersistentVolumeClaim) bool {
	return claim.Spec.VolumeName == "" && claim.DeletionTimestamp == nil &&
		claim.Annotations[claimProvisioner] == Name
}

// Disposable says whether a volume of the lab lost its claim for good.
func Disposable(volume *corev1.PersistentVolume) bool {
	return volume.Annotations[provisionedBy] == Name && volume.Status.Phase == corev1.VolumeReleased &&
		volume.Spec.PersistentVolumeReclaimPolicy == corev1.PersistentVolumeReclaimDelete
}

// BuildVolume is the volume for a claim: directory is its place on node.
func BuildVolume(claim *corev1.PersistentVolumeClaim, node, directory string) *corev1.PersistentVolume {
	filesystem := corev1.PersistentVolumeFilesystem
	return &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{
			Name:        VolumeName(claim),
			Annotations: map[string]string{provisionedBy: Name},
		},
		Spec: corev1.PersistentVolumeSpec{
			Capacity:    corev1.ResourceList{corev1.ResourceStorage: claim.Spec.Resources.Requests[corev1.ResourceStorage]},
			AccessModes: claim.Spec.AccessModes,
			VolumeMode:  &filesystem,
			ClaimRef: &corev1.ObjectReference{
				APIVersion: "v1", Kind: "PersistentVolumeClaim", Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID,
			},
			PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimDelete,
			StorageClassName:              storageClass(claim),
			PersistentVolumeSource:        corev1.PersistentVolumeSource{Local: &corev1.LocalVolumeSource{Path: directory}},
			NodeAffinity: &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{
				NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchExpressions: []corev1.NodeSelectorRequirement{{
					Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{node},
				}}}},
			}},
		},
	}
}

func storageClass(claim *corev1.PersistentVolumeClaim) string {
	if claim.Spec.StorageClassName == nil {
		return ""
	}
	return *claim.Spec.StorageClassName
}
