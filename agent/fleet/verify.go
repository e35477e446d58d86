package fleet

import (
	"context"
	"slices"
	"time"

	"fbpeer/agent/api"
)

// verifyAgain is how long after a no the other machines' agents are asked again.
const verifyAgain = time.Second

// verification is what the agents of other machines answered last, when one of ours asked.
type verification struct {
	about     string // the agreement that was asked about
	agreed    bool
	obstacles []string
	running   bool
	again     time.Time // when they may be asked again
}

// verified says whether the agents of other machines hold what ours agree on. If that is not known, they are asked: the answer wakes Run.
func (f *fleet) verified(ctx context.Context, by *member, agreement string) bool {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	v := &f.verification
	if v.about == agreement && v.agreed {
		return true
	}
	if v.running || v.about == agreement && f.now().Before(v.again) {
		return false
	}
	v.running = true
	f.asking.Go(func() { f.verify(ctx, by, agreement) })
	return false
}

// verify asks, and notes the answer.
func (f *fleet) verify(ctx context.Context, by *member, agreement string) {
	ready, err := by.agent.Ready(ctx, api.SetSelector{})
	v := verification{about: agreement, again: f.now().Add(verifyAgain)}
	v.agreed = err == nil
	for _, o := range ready.Obstacles {
		// That a node refuses every run does not keep it from being registered.
		if o.Code != api.ObstacleSecaggOff && !slices.Contains(v.obstacles, o.Text) {
			v.agreed = false
			v.obstacles = append(v.obstacles, o.Text)
		}
	}
	f.mutex.Lock()
	f.verification = v
	f.mutex.Unlock()
	if !v.agreed {
		time.AfterFunc(verifyAgain, f.wake)
	}
	f.wake()
}

// unverified is why the agents of other machines do not agree, as they answered last.
func (f *fleet) unverified() []string {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return slices.Clone(f.verification.obstacles)
}
