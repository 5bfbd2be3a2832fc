// SPDX-License-Identifier: Apache-2.0

package worker

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/client-go/util/certificate"
	"k8s.io/client-go/util/certificate/csr"
	"k8s.io/client-go/util/keyutil"
)

// bootstrap obtains the kubelet's identity: what an earlier run left, or a bootstrap kubeconfig, or the token.
func (w *Worker) bootstrap(ctx context.Context) error {
	if _, err := os.Stat(w.kubeconfigPath()); err == nil {
		return nil
	}
	config, err := w.bootstrapConfig()
	if err != nil {
		return err
	}
	var last error
	for attempt := range 10 {
		if last = w.requestCertificate(ctx, config); last == nil {
			return nil
		}
		w.Log.Warn("bootstrapping the kubelet's identity", "attempt", attempt+1, "error", last)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second << min(attempt, 4)):
		}
	}
	return fmt.Errorf("bootstrapping kubelet client configuration: %w", last)
}

func (w *Worker) bootstrapConfig() (*clientcmdapi.Config, error) {
	config, err := clientcmd.LoadFromFile(filepath.Join(w.DataDir, "kubelet-bootstrap.conf"))
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return config, err
	}
	token, err := w.token()
	if err != nil {
		return nil, err
	}
	return DecodeToken(token)
}

func (w *Worker) token() (string, error) {
	switch {
	case w.Token != "":
		return w.Token, nil
	case w.TokenFile == "":
		return "", errors.New("neither kubelet.conf nor kubelet-bootstrap.conf exists and no join token is given")
	}
	info, err := os.Stat(w.TokenFile)
	if err != nil {
		return "", fmt.Errorf("reading token file: %w", err)
	}
	if open := info.Mode().Perm() &^ 0o600; open != 0 {
		return "", fmt.Errorf("token file %s: mode %04o lets more than 0600", w.TokenFile, info.Mode().Perm())
	}
	data, err := os.ReadFile(w.TokenFile)
	if err != nil {
		return "", fmt.Errorf("reading token file: %w", err)
	}
	if len(data) == 0 {
		return "", fmt.Errorf("token file %s is empty", w.TokenFile)
	}
	return string(data), nil
}

// requestCertificate asks for the kubelet's client certificate and writes kubelet.conf, which names the token's server.
func (w *Worker) requestCertificate(ctx context.Context, bootstrap *clientcmdapi.Config) error {
	restConfig, err := clientcmd.NewDefaultClientConfig(*bootstrap, nil).ClientConfig()
	if err != nil {
		return fmt.Errorf("reading bootstrap configuration: %w", err)
	}
	certPEM, keyPEM, err := signedBy(ctx, restConfig, w.NodeName)
	if err != nil {
		return err
	}
	store, err := certificate.NewFileStore("kubelet-client", w.kubeletPKI(), w.kubeletPKI(), "", "")
	if err != nil {
		return fmt.Errorf("opening certificate store: %w", err)
	}
	if _, err := store.Update(certPEM, keyPEM); err != nil {
		return fmt.Errorf("storing certificate: %w", err)
	}
	identity := clientcmdapi.AuthInfo{ClientCertificate: store.CurrentPath(), ClientKey: store.CurrentPath()}
	cluster := bootstrap.Clusters[bootstrap.Contexts[bootstrap.CurrentContext].Cluster]
	return clientcmd.WriteToFile(clientcmdapi.Config{
		CurrentContext: "default",
		Clusters:       map[string]*clientcmdapi.Cluster{"default": cluster},
		Contexts:       map[string]*clientcmdapi.Context{"default": {Cluster: "default", AuthInfo: "default"}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{"default": &identity},
	}, w.kubeconfigPath())
}

func signedBy(ctx context.Context, config *rest.Config, node string) (certPEM, keyPEM []byte, err error) {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, nil, fmt.Errorf("making client: %w", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("making key: %w", err)
	}
	if keyPEM, err = keyutil.MarshalPrivateKeyToPEM(key); err != nil {
		return nil, nil, fmt.Errorf("encoding key: %w", err)
	}
	subject := pkix.Name{CommonName: "system:node:" + node, Organization: []string{"system:nodes"}}
	request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: subject}, key)
	if err != nil {
		return nil, nil, fmt.Errorf("making request: %w", err)
	}
	usages := []certificatesv1.KeyUsage{certificatesv1.UsageDigitalSignature, certificatesv1.UsageClientAuth}
	signer := certificatesv1.KubeAPIServerClientKubeletSignerName
	name, uid, err := csr.RequestCertificateWithContext(ctx, client, pemRequest(request), "", signer, nil, usages, key)
	if err != nil {
		return nil, nil, fmt.Errorf("requesting certificate: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	if certPEM, err = csr.WaitForCertificate(ctx, client, name, uid); err != nil {
		return nil, nil, fmt.Errorf("waiting for certificate: %w", err)
	}
	return certPEM, keyPEM, nil
}
