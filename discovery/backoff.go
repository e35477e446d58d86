package discovery

import "time"

const (
	backoffBase    = 500 * time.Millisecond
	backoffCeiling = 30 * time.Second
)

// backoff is how long to wait before the next dial after failures failed ones in a row: 0.5 s doubled each time up to 30 s, of
// which jitter (from [0, 1)) takes away up to half, so that members who lost each other at the same moment do not return at the
// same moment. After no failure it is 0.
func backoff(failures int, jitter float64) time.Duration {
	if failures <= 0 {
		return 0
	}
	wait := backoffCeiling
	if shift := failures - 1; shift < 6 { // 0.5 s << 6 is above the ceiling
		wait = backoffBase << shift
	}
	return wait - time.Duration(jitter*float64(wait)/2)
}
