package agent

import (
	"cmp"
	"slices"
	"time"

	"fbpeer/agent/api"
)

// problems are the present warnings of the agent itself, one for each code.
type problems map[string]api.Warning

func (p problems) set(w api.Warning) { p[w.Code] = w }
func (p problems) clear(code string) { delete(p, code) }

// sorted lists them, errors first, then by code.
func (p problems) sorted() []api.Warning {
	var all []api.Warning
	for _, w := range p {
		all = append(all, w)
	}
	slices.SortFunc(all, func(a, b api.Warning) int {
		if a.Error != b.Error {
			if a.Error {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.Code, b.Code)
	})
	return all
}

// retryDelay is the pause before attempt n (from 0) of a write that failed: 250 ms, doubling, at most a minute.
func retryDelay(attempt int) time.Duration {
	const first, most = 250 * time.Millisecond, time.Minute
	if attempt > 10 {
		return most
	}
	return min(first<<attempt, most)
}
