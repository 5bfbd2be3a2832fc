// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/k0smotron/k0smotron/shared/contract"
)

func TestMachineNameValue(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "workers-abc", contract.MachineNameValue("workers-abc"))
	assert.Equal(t, strings.Repeat("a", 63), contract.MachineNameValue(strings.Repeat("a", 63)))

	long := strings.Repeat("a", 51) + ".-" + strings.Repeat("b", 200)
	value := contract.MachineNameValue(long)
	assert.Empty(t, validation.IsValidLabelValue(value))
	assert.NotEqual(t, value, contract.MachineNameValue(long[:252]), "two long names must stay apart")
	assert.Equal(t, value, contract.MachineNameValue(long), "the machine and its observer must agree")
}
