package agent

import (
	"cmp"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"fbpeer/agent/api"
)

// problems are the present warnings of the agent itself, one for each code.
type problems map[string]api.Warning

func (p problems) set(w api.Warning)    { p[w.Code] = w }
func (p problems) has(code string) bool { _, there := p[code]; return there }
func (p problems) clear(code string)    { delete(p, code) }

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

// told is what the agent's own log says of warnings: each once, when it appears or changes.
type told map[string]string

// tell logs what is new among the present warnings.
func (t told) tell(log zerolog.Logger, present []api.Warning) {
	codes := map[string]bool{}
	for _, w := range present {
		codes[w.Code] = true
		if t[w.Code] == w.Text {
			continue
		}
		t[w.Code] = w.Text
		event := log.Warn()
		if w.Error {
			event = log.Error()
		}
		event = event.Str("code", w.Code)
		field(event, "cure", w.Cure)
		event.Msg(w.Text)
	}
	for code := range t {
		if !codes[code] {
			log.Info().Str("code", code).Str("was", t[code]).Msg("that is mended")
			delete(t, code)
		}
	}
}
