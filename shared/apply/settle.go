// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// settling is how often a cache is looked at, and for how long: 0.6 s in all, the pauses being 14.
func settling() wait.Backoff {
	return wait.Backoff{Duration: time.Millisecond, Factor: 1.5, Steps: 15}
}

// Settle waits until reads show object at least in the version that it has here, or no more at all. A pass that starts from
// an older one computes what is known already, and collides with what was written. There is no error: a cache that lags
// for longer, or cannot be read, costs just that.
func (a *Applier) Settle(ctx context.Context, object client.Object) {
	gvk, err := apiutil.GVKForObject(object, a.client.Scheme())
	if err != nil {
		return
	}
	read, err := a.empty(object, gvk)
	if err != nil {
		return
	}
	_ = wait.ExponentialBackoffWithContext(ctx, settling(), func(ctx context.Context) (bool, error) {
		err := a.client.Get(ctx, client.ObjectKeyFromObject(object), read)
		if err != nil {
			return apierrors.IsNotFound(err), client.IgnoreNotFound(err)
		}
		age, err := resourceversion.CompareResourceVersion(read.GetResourceVersion(), object.GetResourceVersion())
		return age >= 0, err
	})
}
