// SPDX-License-Identifier: Apache-2.0

package app_test

import (
	"errors"
	"io/fs"
	"testing"

	"github.com/prometheus/procfs"
	"github.com/stretchr/testify/require"
)

// proc is what Linux tells of itself; false on another system.
func proc(b *testing.B) (procfs.FS, bool) {
	b.Helper()
	tells, err := procfs.NewDefaultFS()
	if errors.Is(err, fs.ErrNotExist) {
		return procfs.FS{}, false
	}
	require.NoError(b, err)
	return tells, true
}

// residentMemory is the most that this process has had resident, in MiB; 0 where the system does not tell.
func residentMemory(b *testing.B) float64 {
	b.Helper()
	system, tells := proc(b)
	if !tells {
		return 0
	}
	self, err := system.Self()
	require.NoError(b, err)
	status, err := self.NewStatus()
	require.NoError(b, err)
	require.NotZero(b, status.VmHWM)
	return float64(status.VmHWM) / (1 << 20)
}

// processors is what the processors did since the system started, in seconds of one; nothing where it does not tell.
type processors struct{ stolen, all float64 }

func processorsNow(b *testing.B) processors {
	b.Helper()
	system, tells := proc(b)
	if !tells {
		return processors{}
	}
	stat, err := system.Stat()
	require.NoError(b, err)
	t := stat.CPUTotal
	return processors{
		stolen: t.Steal,
		all:    t.User + t.Nice + t.System + t.Idle + t.Iowait + t.IRQ + t.SoftIRQ + t.Steal,
	}
}

// stolenSince is the share of the time, in percent, in which this system was ready to work and its host did something else.
func (p processors) stolenSince(before processors) float64 {
	if p.all == before.all {
		return 0
	}
	return 100 * (p.stolen - before.stolen) / (p.all - before.all)
}

func TestStolenSince(t *testing.T) {
	t.Parallel()
	before := processors{stolen: 5, all: 100}
	require.InDelta(t, 10, processors{stolen: 25, all: 300}.stolenSince(before), 1e-9)
	require.Zero(t, processors{}.stolenSince(processors{}), "the system does not tell")
}
