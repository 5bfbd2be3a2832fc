// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
)

// TestStandingByEndsWhenTheCRDsBecomeOurs lets the manager be started again, with controllers, without anybody's help.
func TestStandingByEndsWhenTheCRDsBecomeOurs(t *testing.T) {
	t.Parallel()
	scheme := runtime.NewScheme()
	require.NoError(t, apiextensionsv1.AddToScheme(scheme))
	theirs := &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: "a.b", Labels: map[string]string{"cluster.x-k8s.io/provider": "theirs"}},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{Name: "v1beta2", Served: true}},
		},
	}
	server := fake.NewClientBuilder().WithScheme(scheme).WithObjects(theirs).Build()
	clock := clocktesting.NewFakeClock(time.Unix(0, 0))
	ownership := NewOwnership(server, Provider{
		Label: "ours", CRDs: []CRD{{Name: "a.b", Versions: []string{"v1beta2"}}},
	}, clock)
	ended := make(chan error, 1)
	go func() { ended <- awaiting{ownership}.Start(t.Context()) }()

	tick := func() {
		require.Eventually(t, clock.HasWaiters, 10*time.Second, time.Millisecond)
		clock.Step(recheckPeriod)
	}
	tick()
	select {
	case err := <-ended:
		t.Fatalf("ended while the CRDs are another provider's: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	theirs.Labels["cluster.x-k8s.io/provider"] = "ours"
	require.NoError(t, server.Update(t.Context(), theirs))
	tick()
	require.ErrorIs(t, <-ended, errOwnershipChanged)
	assert.False(t, awaiting{ownership}.NeedLeaderElection(), "every replica must find out")
}

func TestStandingByEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ownership := NewOwnership(nil, Provider{}, clocktesting.NewFakeClock(time.Unix(0, 0)))
	assert.NoError(t, awaiting{ownership}.Start(ctx))
}
