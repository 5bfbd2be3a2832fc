// SPDX-License-Identifier: Apache-2.0

package tour

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNotRunning(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ list, bad string }{
		"AllRun":         {list: "coredns Running true\nkube-proxy Running true true\n"},
		"Pending":        {list: "coredns Pending \n", bad: "coredns Pending"},
		"NotReady":       {list: "coredns Running true false\n", bad: "coredns Running true false"},
		"Failed":         {list: "a Running true\nb Failed false\n", bad: "b Failed false"},
		"NoContainerYet": {list: "a Running \n", bad: "a Running"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := notRunning(test.list)
			if test.bad == "" {
				require.NoError(t, err)
				return
			}
			require.Error(t, err)
			assert.Equal(t, "pods that do not run: "+test.bad, err.Error())
		})
	}
}
