// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"syscall"
)

func isCertificateError(err error) bool {
	var (
		verification *tls.CertificateVerificationError
		alert        tls.AlertError
		record       tls.RecordHeaderError
	)
	return errors.As(err, &verification) || errors.As(err, &alert) || errors.As(err, &record)
}

// certificateCause says which check failed. Go's own texts carry the current time or addresses.
func certificateCause(err error) string {
	var (
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		invalid   x509.CertificateInvalidError
		alert     tls.AlertError
	)
	switch {
	case errors.As(err, &authority):
		return "it is not signed by the cluster's CA"
	case errors.As(err, &host):
		return "it is not valid for the address of the control plane endpoint"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "it has expired or is not valid yet"
	case errors.As(err, &alert):
		return "the server refuses ours (" + alert.Error() + ")"
	}
	return "the connection does not speak TLS as expected"
}

// sysCause is the operating system's word for a failed dial.
func sysCause(op *net.OpError) string {
	if number, ok := errors.AsType[syscall.Errno](op); ok {
		return number.Error()
	}
	return "dialing fails"
}
