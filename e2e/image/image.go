// SPDX-License-Identifier: Apache-2.0

package image

import (
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Compression says how the layer of an image is stored.
type Compression string

const (
	// Uncompressed stores the layer as it is: quickest to write and to import, for images that stay on one host.
	Uncompressed Compression = ""
	// Gzip stores the layer compressed, for images that travel.
	Gzip Compression = "gzip"
)

// Image is one image: an empty base plus one layer with the named files.
type Image struct {
	// Name is the full reference the image gets, with registry and tag: ghcr.io/k0smotron/k0smotron-bootstrap:v0.1.0.
	Name string
	// Files are the contents. Parent directories are made as needed, mode 0755, owned by root.
	Files []File
	// Dirs are directories that must exist though empty, or with another mode or owner than a parent would get.
	Dirs []Dir
	// Entrypoint and Cmd are the program and its default arguments.
	Entrypoint, Cmd []string
	// Env are the variables of the program, KEY=VALUE.
	Env []string
	// User is the user, uid or uid:gid the program runs as. Empty is root.
	User string
	// WorkingDir is the directory the program starts in. Empty is /.
	WorkingDir string
	// Labels describe the image to registries and tools.
	Labels map[string]string
	// Architecture is the Go name of the machine type of the binaries. Empty is that of this machine.
	Architecture string
	// Compression of the layer. Empty is Uncompressed.
	Compression Compression
}

// File is one file of an image. At most one of Source, Content and Link is set; none of them is an empty file.
type File struct {
	// Path is the absolute path in the image.
	Path string
	// Source is a file on this machine, or a directory: then all of it goes below Path, symbolic links kept.
	Source string
	// Content is the content itself.
	Content []byte
	// Link makes the file a symbolic link to this target.
	Link string
	// Mode is the permissions. Zero means those of Source, and 0644 for Content.
	Mode fs.FileMode
	// UID and GID own the file.
	UID, GID int
}

// Dir is one directory of an image.
type Dir struct {
	// Path is the absolute path in the image.
	Path string
	// Mode is the permissions. Zero means 0755.
	Mode fs.FileMode
	// UID and GID own the directory.
	UID, GID int
}

// epoch is the time of every file and image, so that equal input gives equal archives.
var epoch = time.Unix(0, 0).UTC()

// Write builds the images and writes all of them into one archive at path, replacing it in one step.
// It fails, and leaves the old archive, when a name is not a full reference, two entries have one path or a source
// cannot be read.
func Write(path string, images ...Image) error {
	if len(images) == 0 {
		return errors.New("writing image archive: no images given")
	}
	built := make([]named, 0, len(images))
	for _, img := range images {
		b, err := build(img)
		if err != nil {
			return fmt.Errorf("building image %q: %w", img.Name, err)
		}
		built = append(built, b)
	}
	return writeArchive(path, built)
}

// named is a built image and the tag it goes by.
type named struct {
	tag   name.Tag
	image v1.Image
}

func build(img Image) (named, error) {
	tag, err := name.NewTag(img.Name, name.StrictValidation)
	if err != nil {
		return named{}, fmt.Errorf("reading its name: %w", err)
	}
	entries, err := collect(img)
	if err != nil {
		return named{}, err
	}
	layer, err := newLayer(entries, img.Compression)
	if err != nil {
		return named{}, err
	}
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	withLayer, err := mutate.AppendLayers(base, layer)
	if err != nil {
		return named{}, fmt.Errorf("adding its layer: %w", err)
	}
	config, err := withLayer.ConfigFile()
	if err != nil {
		return named{}, fmt.Errorf("reading its configuration: %w", err)
	}
	complete, err := mutate.ConfigFile(withLayer, configure(config.DeepCopy(), img))
	if err != nil {
		return named{}, fmt.Errorf("writing its configuration: %w", err)
	}
	return named{tag: tag, image: complete}, nil
}

func configure(config *v1.ConfigFile, img Image) *v1.ConfigFile {
	config.OS = "linux"
	config.Architecture = runtime.GOARCH
	if img.Architecture != "" {
		config.Architecture = img.Architecture
	}
	config.Created = v1.Time{Time: epoch}
	config.History = nil
	config.Config = v1.Config{
		Entrypoint: slices.Clone(img.Entrypoint),
		Cmd:        slices.Clone(img.Cmd),
		Env:        slices.Clone(img.Env),
		User:       img.User,
		WorkingDir: img.WorkingDir,
		Labels:     img.Labels,
	}
	return config
}
