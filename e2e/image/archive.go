// SPDX-License-Identifier: Apache-2.0

package image

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Annotations by which importers learn the name of an image in an OCI layout.
const (
	containerdName = "io.containerd.image.name"
	ociRefName     = "org.opencontainers.image.ref.name"
)

// dockerManifest is one element of manifest.json, by which docker finds images in an archive.
type dockerManifest struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// archive is an archive being written. A blob that several images share is written once.
type archive struct {
	out     *tar.Writer
	written map[v1.Hash]bool
	index   v1.IndexManifest
	docker  []dockerManifest
}

func writeArchive(path string, images []named) (err error) {
	temporary, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("creating image archive: %w", err)
	}
	defer os.Remove(temporary.Name())
	err = writeImages(temporary, images)
	if closeErr := temporary.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("writing image archive %s: %w", path, err)
	}
	if err := os.Chmod(temporary.Name(), 0o644); err != nil {
		return fmt.Errorf("opening image archive to readers: %w", err)
	}
	if err := os.Rename(temporary.Name(), path); err != nil {
		return fmt.Errorf("placing image archive: %w", err)
	}
	return nil
}

func writeImages(to io.Writer, images []named) error {
	a := &archive{out: tar.NewWriter(to), written: map[v1.Hash]bool{}, index: v1.IndexManifest{
		SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{},
	}}
	if err := a.writeFile("oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`)); err != nil {
		return err
	}
	for _, img := range images {
		if err := a.addImage(img); err != nil {
			return fmt.Errorf("adding %s: %w", img.tag, err)
		}
	}
	if err := a.writeJSON("index.json", a.index); err != nil {
		return err
	}
	if err := a.writeJSON("manifest.json", a.docker); err != nil {
		return err
	}
	return a.out.Close()
}

func (a *archive) addImage(img named) error {
	docker := dockerManifest{RepoTags: []string{img.tag.Name()}}
	layers, err := img.image.Layers()
	if err != nil {
		return err
	}
	for _, layer := range layers {
		blob, err := a.addLayer(layer)
		if err != nil {
			return err
		}
		docker.Layers = append(docker.Layers, blob)
	}
	config, err := img.image.RawConfigFile()
	if err != nil {
		return err
	}
	if docker.Config, err = a.addBlob(config); err != nil {
		return err
	}
	manifest, err := img.image.RawManifest()
	if err != nil {
		return err
	}
	if _, err = a.addBlob(manifest); err != nil {
		return err
	}
	a.docker = append(a.docker, docker)
	return a.addDescriptor(img)
}

func (a *archive) addDescriptor(img named) error {
	descriptor, err := partial.Descriptor(img.image)
	if err != nil {
		return err
	}
	config, err := img.image.ConfigFile()
	if err != nil {
		return err
	}
	descriptor.Platform = config.Platform()
	descriptor.Annotations = map[string]string{containerdName: img.tag.Name(), ociRefName: img.tag.TagStr()}
	a.index.Manifests = append(a.index.Manifests, *descriptor)
	return nil
}

func (a *archive) addLayer(layer v1.Layer) (string, error) {
	digest, err := layer.Digest()
	if err != nil {
		return "", err
	}
	size, err := layer.Size()
	if err != nil {
		return "", err
	}
	content, err := layer.Compressed()
	if err != nil {
		return "", err
	}
	defer content.Close()
	return a.writeBlob(digest, size, content)
}

func (a *archive) addBlob(content []byte) (string, error) {
	digest, size, err := v1.SHA256(bytes.NewReader(content))
	if err != nil {
		return "", err
	}
	return a.writeBlob(digest, size, bytes.NewReader(content))
}

func (a *archive) writeBlob(digest v1.Hash, size int64, content io.Reader) (string, error) {
	name := "blobs/" + digest.Algorithm + "/" + digest.Hex
	if a.written[digest] {
		return name, nil
	}
	a.written[digest] = true
	return name, a.write(name, size, content)
}

func (a *archive) writeJSON(name string, value any) error {
	content, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return a.writeFile(name, content)
}

func (a *archive) writeFile(name string, content []byte) error {
	return a.write(name, int64(len(content)), bytes.NewReader(content))
}

func (a *archive) write(name string, size int64, content io.Reader) error {
	header := tar.Header{
		Typeflag: tar.TypeReg,
		Name:     name,
		Size:     size,
		Mode:     0o644,
		ModTime:  epoch,
		Format:   tar.FormatPAX,
	}
	if err := a.out.WriteHeader(&header); err != nil {
		return err
	}
	_, err := io.Copy(a.out, content)
	return err
}
