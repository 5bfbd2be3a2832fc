// SPDX-License-Identifier: Apache-2.0

package k0snode

import "time"

const (
	// renewalLimit is how long ago a lease may have been renewed for its controller to be healthy. k0s renews it every
	// 5 seconds and gives up after 15.
	renewalLimit = 30 * time.Second
	// GracePeriod is how long the last verdict is kept when there is no new evidence. After that it is Unknown.
	GracePeriod = 5 * time.Minute
)

// Memory is what one look at a workload cluster leaves behind for the next one. The zero value is no memory: a manager
// that was restarted needs two looks before it can say that a lease is renewed. It holds one entry for each controller
// lease and each Machine of the last look, so it does not grow. It is a value: Judge returns the next one.
type Memory struct {
	looked time.Time
	leases map[string]sighting
	states map[string]State
}

// sighting is a lease and when, by our clock, it was seen to be as it is.
type sighting struct {
	lease Lease
	// since is when it was first seen like this.
	since time.Time
	// before is when it was last seen otherwise; zero when it never was. It was written between the two.
	before time.Time
}

// freshness is whether a lease is being renewed.
type freshness int

const (
	// undecided: it was not looked at often enough to say.
	undecided freshness = iota
	// fresh: it was written within the limit.
	fresh
	// stale: it was not written within the limit.
	stale
)

func (s sighting) freshness(now time.Time) freshness {
	switch {
	case !s.before.IsZero() && now.Sub(s.before) <= renewalLimit:
		return fresh
	case now.Sub(s.since) > renewalLimit:
		return stale
	default:
		return undecided
	}
}

// sight compares leases with those of the look before. A lease that was not there before may be old: it was perhaps not
// asked for.
func (m Memory) sight(leases []Lease, now time.Time) map[string]sighting {
	sightings := make(map[string]sighting, len(leases))
	for _, lease := range leases {
		known, seen := m.leases[lease.Name]
		switch {
		case !seen:
			known = sighting{lease: lease, since: now}
		case known.lease.Holder != lease.Holder || !known.lease.Renewed.Equal(lease.Renewed):
			known = sighting{lease: lease, since: now, before: m.looked}
		}
		sightings[lease.Name] = known
	}
	return sightings
}
