// SPDX-License-Identifier: Apache-2.0

package desired

import (
	"fmt"
	"strings"

	"github.com/k0smotron/k0smotron/controlplane-incluster/internal/defaults"
	"github.com/k0smotron/k0smotron/shared/k0sversion"
)

// ReleaseOf decides what runs for a version and an image as users write them. An image with a tag decides about the
// build; without one it is that of the version.
func ReleaseOf(version, image string) (Release, error) {
	wanted, err := k0sversion.Parse(version)
	if err != nil {
		return Release{}, fmt.Errorf("spec.version: %w", err)
	}
	if image == "" {
		image = defaults.K0sImage
	}
	tag := tagOf(image)
	if tag == "" {
		return Release{Image: image + ":" + wanted.ImageTag(), Version: wanted}, nil
	}
	running, err := k0sversion.FromImageTag(tag)
	if err != nil {
		return Release{}, fmt.Errorf("spec.image: %w", err)
	}
	if !running.SameKubernetes(wanted) {
		return Release{}, fmt.Errorf("spec.image: %s is not a build of %s", tag, wanted.Kubernetes())
	}
	return Release{Image: image, Version: running}, nil
}

// ReleaseOfImage tells the release in the image of a pod.
func ReleaseOfImage(image string) (k0sversion.Version, error) {
	return k0sversion.FromImageTag(tagOf(image))
}

// tagOf is what stands after the last colon, unless that belongs to the port of a registry.
func tagOf(image string) string {
	colon := strings.LastIndex(image, ":")
	if colon < 0 || strings.Contains(image[colon:], "/") {
		return ""
	}
	return image[colon+1:]
}
