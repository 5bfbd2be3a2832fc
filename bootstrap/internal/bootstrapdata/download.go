// SPDX-License-Identifier: Apache-2.0

package bootstrapdata

import (
	"net/url"
	"strings"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/shared/k0sversion"
)

func binaryPath(spec bootstrapv1.InstallSpec) string {
	if spec.K0sInstallDir != "" {
		return spec.K0sInstallDir + "/k0s"
	}
	return DefaultInstallDir + "/k0s"
}

// downloadParameters tell the script where the binary comes from and how it is
// checked; none when k0s is part of the machine image. {arch} stays in them,
// only the machine knows it.
func downloadParameters(spec bootstrapv1.InstallSpec, version k0sversion.Version) []string {
	if IsPreInstalled(spec) {
		return nil
	}
	if len(spec.DownloadOptions.Checksums) > 0 {
		return append(checksumParameters(spec.DownloadOptions.Checksums), "download_url="+downloadURL(spec, version))
	}
	if spec.DownloadURL != "" {
		return []string{"download_url=" + downloadURL(spec, version)}
	}
	return []string{
		"download_url=" + downloadURL(spec, version),
		"checksums_url=" + withVersion(ChecksumsURL, version),
		"checksums_name=k0s-" + version.Release() + "-{arch}",
	}
}

// IsPreInstalled tells whether k0s is part of the machine image.
func IsPreInstalled(spec bootstrapv1.InstallSpec) bool {
	return spec.PreInstalledK0s != nil && *spec.PreInstalledK0s
}

func downloadURL(spec bootstrapv1.InstallSpec, version k0sversion.Version) string {
	if spec.DownloadURL != "" {
		return withVersion(spec.DownloadURL, version)
	}
	return withVersion(ReleaseURL, version)
}

// withVersion fills in {version}. The plus sign is encoded, because in some
// parts of a URL, and for some object stores everywhere, it means a blank.
func withVersion(text string, version k0sversion.Version) string {
	return strings.ReplaceAll(text, "{version}", url.QueryEscape(version.Release()))
}

func checksumParameters(checksums []bootstrapv1.Checksum) []string {
	lines := make([]string, 0, len(checksums))
	for _, checksum := range checksums {
		lines = append(lines, "sha256_"+checksum.Arch+"="+checksum.SHA256)
	}
	return lines
}
