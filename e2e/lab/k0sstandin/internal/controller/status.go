// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"os"
	"path/filepath"

	"github.com/k0smotron/k0smotron/e2e/lab/k0sstandin/internal/status"
)

func (c *Controller) serveStatus(ctx context.Context) error {
	return status.Serve(
		ctx,
		filepath.Join(c.Layout.RunDir, status.Socket),
		status.Info{Pid: os.Getpid(), Role: "controller", Args: os.Args},
	)
}
