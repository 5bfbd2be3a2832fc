// SPDX-License-Identifier: Apache-2.0

// Package filesource reads the files of a config whose content is in a Secret
// or ConfigMap.
//
// The sources belong to the user and carry no label of ours, so the manager's
// cache, which holds labelled Secrets only, does not know most of them. They
// are therefore read live, once, in the pass that makes the bootstrap data.
package filesource

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	bootstrapv1 "github.com/k0smotron/k0smotron/bootstrap/api/v1beta2"
	"github.com/k0smotron/k0smotron/bootstrap/internal/bootstrapdata"
	"github.com/k0smotron/k0smotron/shared/phase"
)

// retryDelay is how long a missing source is waited for when no watch sees it
// appear, because it lacks the label cluster.x-k8s.io/cluster-name.
const retryDelay = 30 * time.Second

// Permissions of files that wish for none.
const (
	publicMode  = "0644"
	privateMode = "0600"
)

// Resolve returns the files with their content. A source or key that does not
// exist is a *phase.WaitError that names the field and the fix.
func Resolve(
	ctx context.Context, live client.Reader, namespace string, files []bootstrapv1.File,
) ([]bootstrapdata.File, error) {
	s := sources{live: live, namespace: namespace, read: map[source]map[string][]byte{}}
	resolved := make([]bootstrapdata.File, 0, len(files))
	for _, file := range files {
		content, err := s.content(ctx, file)
		if err != nil {
			return nil, err
		}
		resolved = append(resolved, bootstrapdata.File{
			Path: file.Path, Content: content, Permissions: permissions(file),
		})
	}
	return resolved, nil
}

// Secrets are the names of the Secrets that the files come from.
func Secrets(files []bootstrapv1.File) []string {
	return names(files, func(from bootstrapv1.FileSource) string { return from.SecretRef.Name })
}

// ConfigMaps are the names of the ConfigMaps that the files come from.
func ConfigMaps(files []bootstrapv1.File) []string {
	return names(files, func(from bootstrapv1.FileSource) string { return from.ConfigMapRef.Name })
}

func names(files []bootstrapv1.File, name func(bootstrapv1.FileSource) string) []string {
	set := map[string]bool{}
	for _, file := range files {
		if n := name(file.ContentFrom); n != "" {
			set[n] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}

func permissions(file bootstrapv1.File) string {
	switch {
	case file.Permissions != "":
		return file.Permissions
	case file.ContentFrom.SecretRef.Name != "":
		return privateMode
	}
	return publicMode
}

// source is a Secret or ConfigMap.
type source struct{ kind, name string }

// sources reads every source once.
type sources struct {
	live      client.Reader
	namespace string
	read      map[source]map[string][]byte
}

func (s sources) content(ctx context.Context, file bootstrapv1.File) ([]byte, error) {
	if file.Content != nil {
		return []byte(*file.Content), nil
	}
	from, key := source{"Secret", file.ContentFrom.SecretRef.Name}, file.ContentFrom.SecretRef.Key
	if from.name == "" {
		from, key = source{"ConfigMap", file.ContentFrom.ConfigMapRef.Name}, file.ContentFrom.ConfigMapRef.Key
	}
	data, err := s.data(ctx, from)
	if apierrors.IsNotFound(err) {
		return nil, missing(file, "%s %s does not exist: create it in namespace %s", from.kind, from.name, s.namespace)
	}
	if err != nil {
		return nil, fmt.Errorf("getting %s %s: %w", from.kind, from.name, err)
	}
	content, found := data[key]
	if !found {
		return nil, missing(file, "%s %s has no key %q, it has %s: add the key or name another",
			from.kind, from.name, key, keys(data))
	}
	return content, nil
}

func (s sources) data(ctx context.Context, from source) (map[string][]byte, error) {
	if data, known := s.read[from]; known {
		return data, nil
	}
	data, err := s.get(ctx, from)
	if err != nil {
		return nil, err
	}
	s.read[from] = data
	return data, nil
}

func (s sources) get(ctx context.Context, from source) (map[string][]byte, error) {
	key := client.ObjectKey{Namespace: s.namespace, Name: from.name}
	if from.kind == "Secret" {
		secret := &corev1.Secret{}
		err := s.live.Get(ctx, key, secret)
		return secret.Data, err
	}
	configMap := &corev1.ConfigMap{}
	err := s.live.Get(ctx, key, configMap)
	return configMapData(configMap), err
}

// configMapData is the text and the binary data in one.
func configMapData(configMap *corev1.ConfigMap) map[string][]byte {
	data := maps.Clone(configMap.BinaryData)
	if data == nil {
		data = map[string][]byte{}
	}
	for key, text := range configMap.Data {
		data[key] = []byte(text)
	}
	return data
}

func keys(data map[string][]byte) string {
	if len(data) == 0 {
		return "no data"
	}
	return strings.Join(slices.Sorted(maps.Keys(data)), ", ")
}

func missing(file bootstrapv1.File, format string, arguments ...any) error {
	return phase.Waiting(bootstrapv1.FileSourceMissingReason,
		fmt.Sprintf("spec.files[%s].contentFrom: "+format, append([]any{file.Path}, arguments...)...), retryDelay)
}
