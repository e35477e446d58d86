package agent

import (
	"strings"
	"testing"
	"time"

	"fbpeer/agent/api"
	"fbpeer/exchange"
)

// An approval after which two parties could not be in one set is refused: it would take the set out of force.
func TestClashIsNotApproved(t *testing.T) {
	b := newBench(t)
	b.hearAll()
	b.approve(b.others[0])
	b.approve(b.others[1])
	before, o := b.outputs(), b.others[2]
	taken := b.others[0].config.Component.Endpoint
	b.now = b.now.Add(time.Second)
	b.hear(o.announce(t, b.now, func(r *exchange.Registration) { r.Endpoint = taken }))
	p := find(t, b.snapshot(), o.config.Component.ID)
	if p.State != api.StateConflict || !warned(p.Warnings, "claims-endpoint") || !warned(find(t, b.snapshot(), b.others[0].config.Component.ID).Warnings, "endpoint-claimed") {
		t.Errorf("an approved one's endpoint: %+v", p)
	}
	if _, err := trustBy(b.offline, approvalOf(p)); fault(t, err).Code != api.CodeRefused || !strings.Contains(err.Error(), "it would have the same endpoint as "+b.others[0].config.Component.ID+", and no set") {
		t.Errorf("approved: %v", err)
	}
	if after := b.outputs(); after != before {
		t.Errorf("outputs changed:\n%s\n%s", before, after)
	}
}
