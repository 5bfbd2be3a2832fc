// SPDX-License-Identifier: Apache-2.0

package k0sversion

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/k0sproject/version"
)

// OldestMinor is the oldest Kubernetes 1.x minor whose k0s we drive. Older
// ones lack the join checks and the etcd member objects we rely on.
const OldestMinor = 31

// noBuild is the build of a version that was written without one.
const noBuild = -1

// shape is what we accept: the release number without leading zeros, then
// nothing, "+k0s" or "+k0s.N".
var shape = regexp.MustCompile(`^v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(\+k0s(\.(0|[1-9]\d*))?)?$`)

// Version is one k0s version as somebody wrote it. It is a value: two versions
// are == when they were written the same way; use [Version.Compare] to ask
// whether they mean the same release. The zero value is no version at all.
type Version struct {
	minor, patch, build int
	text                string
}

// Parse reads vX.Y.Z, vX.Y.Z+k0s or vX.Y.Z+k0s.N. The message of the error
// says how the version has to be written, so it can be shown to users as it is.
func Parse(text string) (Version, error) {
	if err := checkShape(text); err != nil {
		return Version{}, err
	}
	parsed, err := version.NewVersion(text)
	if err != nil {
		return Version{}, fmt.Errorf("parsing version %q: %w", text, err)
	}
	segments := parsed.Segments()
	if segments[0] != 1 || segments[1] < OldestMinor {
		return Version{}, fmt.Errorf("version %q is not supported: k0s v1.%d or later is needed", text, OldestMinor)
	}
	build, ok := parsed.K0s()
	if !ok {
		build = noBuild
	}
	if !ok && strings.Contains(text, "+k0s.") {
		return Version{}, fmt.Errorf("version %q is not supported: its build number is too large", text)
	}
	return Version{minor: segments[1], patch: segments[2], build: build, text: text}, nil
}

// FromImageTag reads the tag of a k0s image, in which "-k0s." stands for
// "+k0s.".
func FromImageTag(tag string) (Version, error) {
	parsed, err := Parse(strings.Replace(tag, "-k0s", "+k0s", 1))
	if err != nil {
		return Version{}, fmt.Errorf("reading image tag %q: %w", tag, err)
	}
	return parsed, nil
}

// String is the version as it was written.
func (v Version) String() string { return v.text }

// IsZero tells that this is no version, for example because none was given.
func (v Version) IsZero() bool { return v == Version{} }

// Minor is Y of v1.Y.Z.
func (v Version) Minor() int { return v.minor }

// Build is N of +k0s.N, and whether it was written at all.
func (v Version) Build() (int, bool) { return max(v.build, 0), v.build != noBuild && !v.IsZero() }

// Kubernetes is the bundled Kubernetes release, such as v1.36.3.
func (v Version) Kubernetes() string { return fmt.Sprintf("v1.%d.%d", v.minor, v.patch) }

// Kubelet is what kubelets and API servers of this release call themselves,
// such as v1.36.3+k0s. It never carries a build number.
func (v Version) Kubelet() string { return v.Kubernetes() + "+k0s" }

// Release is the exact k0s release, such as v1.36.3+k0s.2. A missing build
// number is the first one, +k0s.0.
func (v Version) Release() string {
	build, _ := v.Build()
	return v.Kubelet() + "." + strconv.Itoa(build)
}

// ImageTag is the release as the tag of a container image, such as
// v1.36.3-k0s.2.
func (v Version) ImageTag() string { return strings.Replace(v.Release(), "+", "-", 1) }

// Compare orders releases: -1 when v is older than other, 1 when it is newer,
// 0 when both mean the same release however they were written.
func (v Version) Compare(other Version) int {
	build, _ := v.Build()
	otherBuild, _ := other.Build()
	return cmp.Or(
		cmp.Compare(v.minor, other.minor),
		cmp.Compare(v.patch, other.patch),
		cmp.Compare(build, otherBuild),
	)
}

// SameKubernetes tells whether both bundle the same Kubernetes release, so
// that one may stand in for the other as another build.
func (v Version) SameKubernetes(other Version) bool {
	return v.minor == other.minor && v.patch == other.patch
}

// MarshalText writes the version as it was written, so that it takes part in
// fingerprints of what contains it.
func (v Version) MarshalText() ([]byte, error) { return []byte(v.text), nil }

// UnmarshalText reads what MarshalText wrote; nothing is no version.
func (v *Version) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*v = Version{}
		return nil
	}
	parsed, err := Parse(string(text))
	if err != nil {
		return err
	}
	*v = parsed
	return nil
}
