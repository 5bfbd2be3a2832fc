// SPDX-License-Identifier: Apache-2.0

package pki

import (
	"crypto"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Renewal is the answer to whether a leaf has to be issued anew.
type Renewal struct {
	// Reason is the name of the check that failed, in CamelCase; empty when
	// nothing has to be done.
	Reason string
	// Message says the same to a person.
	Message string
}

// Due tells that the leaf has to be issued anew.
func (r Renewal) Due() bool { return r.Reason != "" }

// Standing is what a renewal is judged by.
type Standing struct {
	// Now is the time of the decision.
	Now time.Time
	// CA is the authority the leaf should come from.
	CA CA
	// Wanted is what the leaf should look like.
	Wanted Leaf
	// Current is the pair at hand; zero when there is none.
	Current Pair
}

// facts is the standing after reading the current pair.
type facts struct {
	Standing
	certificate *x509.Certificate
	key         crypto.Signer
}

// check is one reason to renew: it returns a message when it applies.
type check struct {
	reason  string
	applies func(facts) (message string, applies bool)
}

// checks in the order in which a person would want to hear of them.
func checks() []check {
	return []check{
		{"OtherKey", otherKey},
		{"OtherIssuer", otherIssuer},
		{"OtherSubject", otherSubject},
		{"OtherNames", otherNames},
		{"OtherUsages", otherUsages},
		{"Expiring", expiring},
	}
}

// RenewalOf decides whether the current leaf still is what is wanted. The
// first check that fails gives the reason.
func RenewalOf(standing Standing) Renewal {
	if standing.Current.IsZero() {
		return Renewal{Reason: "Missing", Message: "there is no certificate yet"}
	}
	read, err := readFacts(standing)
	if err != nil {
		return Renewal{Reason: "Unreadable", Message: err.Error()}
	}
	for _, check := range checks() {
		if message, applies := check.applies(read); applies {
			return Renewal{Reason: check.reason, Message: message}
		}
	}
	return Renewal{}
}

func readFacts(standing Standing) (facts, error) {
	certificate, err := ParseCertificate(standing.Current.Cert)
	if err != nil {
		return facts{}, fmt.Errorf("reading certificate: %w", err)
	}
	key, err := ParseKey(standing.Current.Key)
	if err != nil {
		return facts{}, fmt.Errorf("reading key: %w", err)
	}
	return facts{Standing: standing, certificate: certificate, key: key}, nil
}

func otherKey(f facts) (string, bool) {
	return "certificate and key do not belong together", !belongs(f.key, f.certificate.PublicKey)
}

func otherIssuer(f facts) (string, bool) {
	err := f.certificate.CheckSignatureFrom(f.CA.Certificate)
	return fmt.Sprintf("the certificate was not issued by %s", f.CA.Certificate.Subject), err != nil
}

func otherSubject(f facts) (string, bool) {
	is := f.certificate.Subject
	same := is.CommonName == f.Wanted.CommonName && sameSet(is.Organization, f.Wanted.Organization)
	return fmt.Sprintf("the certificate is for %s, wanted is CN=%s", is, f.Wanted.CommonName), !same
}

func otherNames(f facts) (string, bool) {
	is, wanted := sansOf(f.certificate), sorted(f.Wanted.SANs)
	return fmt.Sprintf("the certificate names [%s], wanted is [%s]", strings.Join(is, " "), strings.Join(wanted, " ")),
		!slices.Equal(is, wanted)
}

func otherUsages(f facts) (string, bool) {
	return "the certificate allows other usages than wanted", !sameSet(f.certificate.ExtKeyUsage, f.Wanted.Usages)
}

// expiring leaves a certificate alone that lives as long as its CA: a new one
// would not live longer.
func expiring(f facts) (string, bool) {
	return fmt.Sprintf(
			"the certificate expires at %s, less than a third of its life is left",
			utc(f.certificate.NotAfter),
		),
		f.Now.After(RenewalTime(f.certificate)) &&
			f.certificate.NotAfter.Before(f.CA.Certificate.NotAfter)
}

// RenewalTime is the moment after which less than a third of a certificate's
// life is left: when to look at it again.
func RenewalTime(certificate *x509.Certificate) time.Time {
	life := certificate.NotAfter.Sub(certificate.NotBefore)
	return certificate.NotAfter.Add(-life / 3)
}

func sameSet[T ~string | ~int](a, b []T) bool {
	left, right := slices.Clone(a), slices.Clone(b)
	slices.Sort(left)
	slices.Sort(right)
	return slices.Equal(left, right)
}
