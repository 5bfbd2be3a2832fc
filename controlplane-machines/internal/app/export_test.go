// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"

	ctrl "sigs.k8s.io/controller-runtime"
)

// Setup is what Main adds to its manager, for one that a benchmark runs with a transport that counts.
func (o *Options) Setup(ctx context.Context, mgr ctrl.Manager) error { return o.setup(ctx, mgr) }
