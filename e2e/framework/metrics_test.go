// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReconciled(t *testing.T) {
	t.Parallel()
	const started = `# TYPE controller_runtime_active_workers gauge
controller_runtime_active_workers{controller="machine"} 0
controller_runtime_reconcile_total{controller="machine",result="error"} 2
workqueue_adds_total{controller="machine",name="machine"} 2
go_goroutines 80
`
	const log = `{"level":"info","msg":"Starting workers","controller":"machine","v":0,"worker count":10}
{"level":"info","msg":"Starting EventSource","controller":"config","v":0}
{"level":"info","msg":"Starting workers","controller":"cluster","v":0,"worker count":10}
`
	for name, test := range map[string]struct{ metrics, problem string }{
		"NotStarted": {metrics: "go_goroutines 80\n", problem: "no controller has started"},
		"NoPass":     {metrics: started, problem: "machine: 0 passes, 0 objects wait"},
		"AtWork": {
			metrics: started + `controller_runtime_reconcile_total{controller="machine",result="success"} 4` + "\n" +
				`workqueue_depth{controller="machine",name="machine",priority=""} 0` + "\n" +
				`workqueue_depth{controller="machine",name="machine",priority="-100"} 3` + "\n",
			problem: "machine: 4 passes, 3 objects wait",
		},
		"OneOfTwo": {
			metrics: started + `controller_runtime_reconcile_total{controller="machine",result="requeue_after"} 1` + "\n" +
				`controller_runtime_active_workers{controller="cluster"} 1` + "\n",
			problem: "controllers are at work: cluster: 0 passes, 1 objects wait",
		},
		"FillsCaches": {
			metrics: `controller_runtime_active_workers{controller="config"} 0` + "\n",
			problem: "controllers are at work: config: fills its caches",
		},
		"NothingToLookAt": {metrics: `controller_runtime_active_workers{controller="cluster"} 0` + "\n"},
		"Done": {
			metrics: started + `controller_runtime_reconcile_total{controller="machine",result="success"} 1.2e+03` + "\n" +
				`workqueue_depth{controller="machine",name="machine",priority=""} 0` + "\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := reconciled(test.metrics, log)
			if test.problem == "" {
				require.NoError(t, err)
				return
			}
			require.Error(t, err)
			assert.Contains(t, err.Error(), test.problem)
		})
	}
}
