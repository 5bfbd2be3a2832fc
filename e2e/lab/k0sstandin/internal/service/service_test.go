// SPDX-License-Identifier: Apache-2.0

package service_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k0smotron/k0smotron/e2e/lab/k0sstandin/internal/service"
)

func TestUnitText(t *testing.T) {
	text, err := service.Unit{
		Role: "worker", Executable: "/usr/local/bin/k0s", Environment: []string{"A=b"},
		Args: []string{"worker", "--token-file=/t", `--kubelet-extra-args=--a=1 --b=50%`, `--labels=q="$x"`},
	}.Text()
	require.NoError(t, err)
	assert.Contains(t, text, `ExecStart=/usr/local/bin/k0s worker --token-file=/t `+
		`"--kubelet-extra-args=--a=1 --b=50%%" --labels=q=\"$$x\"`+"\n"+`Environment="A=b"`+"\n")
	for _, line := range []string{"Restart=always", "RestartSec=10", "KillMode=process", "Delegate=yes", "TasksMax=infinity", "LimitNOFILE=999999"} {
		assert.Contains(t, text, "\n"+line+"\n")
	}
}
