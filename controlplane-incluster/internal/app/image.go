// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"fmt"
	"os"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Where the manager's pod tells it who it is.
const (
	envPodName      = "POD_NAME"
	envPodNamespace = "POD_NAMESPACE"

	containerManager = "manager"
)

// image is the image of this manager, which the init containers of control plane pods run too. It is read from the
// manager's own pod, because only there it is what it really is: clusterctl and mirrors rewrite images.
func (o *Options) image(ctx context.Context, reader client.Reader) (string, error) {
	if o.Image != "" {
		return o.Image, nil
	}
	key := client.ObjectKey{Namespace: os.Getenv(envPodNamespace), Name: os.Getenv(envPodName)}
	if key.Name == "" || key.Namespace == "" {
		return "", errors.New("finding the image of this manager: set " + envPodName + " and " + envPodNamespace +
			", or --place-image")
	}
	pod := &corev1.Pod{}
	if err := reader.Get(ctx, key, pod); err != nil {
		return "", fmt.Errorf("finding the image of this manager: %w", err)
	}
	for i := range pod.Spec.Containers {
		if pod.Spec.Containers[i].Name == containerManager {
			return pod.Spec.Containers[i].Image, nil
		}
	}
	return "", fmt.Errorf("finding the image of this manager: pod %s has no container %s", key, containerManager)
}
