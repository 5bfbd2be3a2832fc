// SPDX-License-Identifier: Apache-2.0

package v1beta2_test

import (
	"os"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
	"github.com/k0smotron/k0smotron/shared/testenv"
)

var env *testenv.Environment

func TestMain(m *testing.M) {
	os.Exit(testenv.Main(m, testenv.Options{
		CRDPaths:    []string{"../../config/crd/bases"},
		AddToScheme: []func(*runtime.Scheme) error{controlplanev1.AddToScheme},
	}, func(e *testenv.Environment) { env = e }))
}
