// SPDX-License-Identifier: Apache-2.0

package image

import (
	"archive/tar"
	"compress/gzip"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// newLayer makes a layer that reads its files anew whenever it is read: archives may be larger than memory.
func newLayer(entries []entry, compression Compression) (v1.Layer, error) {
	open := func() (io.ReadCloser, error) { return streamTar(entries), nil }
	switch compression {
	case Uncompressed:
		return newPlainLayer(open)
	case Gzip:
		layer, err := tarball.LayerFromOpener(open,
			tarball.WithMediaType(types.OCILayer), tarball.WithCompressionLevel(gzip.DefaultCompression))
		if err != nil {
			return nil, fmt.Errorf("compressing its layer: %w", err)
		}
		return layer, nil
	default:
		return nil, fmt.Errorf("unknown compression %q", compression)
	}
}

// plainLayer is an uncompressed layer: what the digest covers is what the files are.
type plainLayer struct {
	open   tarball.Opener
	digest v1.Hash
	size   int64
}

func newPlainLayer(open tarball.Opener) (v1.Layer, error) {
	content, err := open()
	if err != nil {
		return nil, fmt.Errorf("opening its layer: %w", err)
	}
	defer content.Close()
	digest, size, err := v1.SHA256(content)
	if err != nil {
		return nil, fmt.Errorf("hashing its layer: %w", err)
	}
	return plainLayer{open: open, digest: digest, size: size}, nil
}

// Digest is the hash of the stored form.
func (l plainLayer) Digest() (v1.Hash, error) { return l.digest, nil }

// DiffID is the hash of the tar, here the same.
func (l plainLayer) DiffID() (v1.Hash, error) { return l.digest, nil }

// Compressed opens the stored form, here the tar itself.
func (l plainLayer) Compressed() (io.ReadCloser, error) { return l.open() }

// Uncompressed opens the tar.
func (l plainLayer) Uncompressed() (io.ReadCloser, error) { return l.open() }

// Size is the length in bytes.
func (l plainLayer) Size() (int64, error) { return l.size, nil }

// MediaType tells importers not to expect compression.
func (plainLayer) MediaType() (types.MediaType, error) { return types.OCIUncompressedLayer, nil }

// streamTar writes the entries as the reader asks for them. Closing the reader early ends the writer.
func streamTar(entries []entry) io.ReadCloser {
	reader, writer := io.Pipe()
	go func() { writer.CloseWithError(writeTar(writer, entries)) }()
	return reader
}

func writeTar(to io.Writer, entries []entry) error {
	out := tar.NewWriter(to)
	for _, e := range entries {
		if err := writeEntry(out, e); err != nil {
			return fmt.Errorf("writing %s: %w", e.header.Name, err)
		}
	}
	return out.Close()
}

func writeEntry(out *tar.Writer, e entry) error {
	header := e.header
	header.ModTime = epoch
	header.Format = tar.FormatPAX
	if err := out.WriteHeader(&header); err != nil {
		return err
	}
	if e.open == nil {
		return nil
	}
	content, err := e.open()
	if err != nil {
		return err
	}
	defer content.Close()
	_, err = io.Copy(out, content)
	return err
}
