// SPDX-License-Identifier: Apache-2.0

package jointoken

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"sigs.k8s.io/yaml"
)

// clusterName is the name k0s gives to the cluster and the context.
const clusterName = "k0s"

// maxKubeconfig bounds what Decode unpacks; a real one has about 2 KiB.
const maxKubeconfig = 1 << 20

// Join is everything a machine needs to know to join.
type Join struct {
	// Role is what the machine joins as.
	Role Role
	// URL is where it joins: https://host:6443 (kube-apiserver) for workers,
	// https://host:9443 (join API) for controllers. A worker keeps this address
	// for life.
	URL string
	// CA is the PEM certificate of the cluster CA.
	CA []byte
	// Token authenticates the machine.
	Token Token
}

// Encode packs the join into one line for --token-file. Equal joins give equal
// lines.
func (j Join) Encode() (string, error) {
	if err := j.check(); err != nil {
		return "", fmt.Errorf("encoding join token: %w", err)
	}
	plain, err := yaml.Marshal(j.kubeconfig())
	if err != nil {
		return "", fmt.Errorf("encoding join token: %w", err)
	}
	packed, err := compress(plain)
	if err != nil {
		return "", fmt.Errorf("encoding join token: %w", err)
	}
	return base64.StdEncoding.EncodeToString(packed), nil
}

// Decode unpacks a line written by Encode or by `k0s token create`. It accepts
// exactly one cluster, context and user, because k0s picks the role from any
// context it finds.
func Decode(text string) (Join, error) {
	packed, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return Join{}, fmt.Errorf("decoding join token: %w", err)
	}
	plain, err := decompress(packed)
	if err != nil {
		return Join{}, fmt.Errorf("decoding join token: %w", err)
	}
	var read kubeconfig
	if err := yaml.UnmarshalStrict(plain, &read); err != nil {
		return Join{}, fmt.Errorf("decoding join token: reading its kubeconfig: %w", err)
	}
	join, err := read.join()
	if err != nil {
		return Join{}, fmt.Errorf("decoding join token: %w", err)
	}
	return join, nil
}

// check refuses what k0s would refuse, later and on the machine.
func (j Join) check() error {
	if j.Role != Worker && j.Role != Controller {
		return fmt.Errorf("role %q is neither %s nor %s", j.Role, Worker, Controller)
	}
	if _, err := Parse(j.Token.String()); err != nil {
		return err
	}
	if block, _ := pem.Decode(j.CA); block == nil || block.Type != "CERTIFICATE" {
		return errors.New("the CA is not a PEM certificate")
	}
	return checkURL(j.URL)
}

func checkURL(text string) error {
	parsed, err := url.Parse(text)
	if err != nil {
		return fmt.Errorf("reading URL: %w", err)
	}
	if parsed.Scheme != "https" || parsed.Hostname() == "" || strings.ContainsFunc(text, notPrintable) {
		return fmt.Errorf("URL %q is not of the form https://host:port", text)
	}
	return nil
}

// notPrintable finds what a URL does not contain and YAML may change.
func notPrintable(character rune) bool { return character <= ' ' || character >= 0x7f }

func compress(plain []byte) ([]byte, error) {
	var packed bytes.Buffer
	writer, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := writer.Write(plain); err != nil {
		return nil, err
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	return packed.Bytes(), nil
}

func decompress(packed []byte) ([]byte, error) {
	reader, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	plain, err := io.ReadAll(io.LimitReader(reader, maxKubeconfig+1))
	if err != nil {
		return nil, err
	}
	if len(plain) > maxKubeconfig {
		return nil, fmt.Errorf("its kubeconfig is larger than %d bytes", maxKubeconfig)
	}
	return plain, nil
}
