package fleet

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"fbpeer/agent/api"
)

func TestChooseAddress(t *testing.T) {
	a, b, c := netip.MustParseAddr("10.0.0.7"), netip.MustParseAddr("192.168.1.7"), netip.MustParseAddr("10.0.0.9")
	none := netip.Addr{}
	for name, x := range map[string]struct {
		present netip.Addr
		through []netip.Addr
		held    bool
		want    netip.Addr
	}{
		"alone":                              {none, nil, false, none},
		"the first other machine":            {none, []netip.Addr{b}, false, b},
		"one of several interfaces":          {none, []netip.Addr{b, a, b}, false, b},
		"as many on each: the lowest":        {none, []netip.Addr{b, a}, false, a},
		"it stays while it works":            {a, []netip.Addr{b, b, a}, false, a},
		"the address changed":                {a, []netip.Addr{c}, true, c},
		"all lost, but they know us by it":   {a, nil, true, a},
		"all forgotten":                      {a, nil, false, none},
		"approved by an earlier run, nobody": {none, nil, true, none},
	} {
		if got := chooseAddress(x.present, x.through, x.held); got != x.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// lanFleet is one with nothing but what decisions about other machines are made from: a component of ours, and when it saw whom.
func lanFleet(now time.Time, self api.Snapshot, seen map[string]time.Time) *fleet {
	return &fleet{
		config: Config{LAN: true}, root: "/nowhere", now: func() time.Time { return now }, seen: seen, departed: map[string]bool{},
		members: map[string]*member{self.Self.Component: {id: self.Self.Component}}, refusals: map[approval]string{},
		snapshots: map[string]api.Snapshot{self.Self.Component: self}, address: netip.MustParseAddr("10.0.0.1"),
	}
}

func TestWhatIsDoneAboutOtherMachines(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	recently, long := now.Add(-forgetAfter), now.Add(-forgetAfter-time.Second)
	peer := func(id, state, endpoint string) api.Peer {
		return api.Peer{Component: "NODE_b", PeerID: id, State: state, Endpoint: endpoint, Announcement: "hash of " + id}
	}
	approved := func(p api.Peer) api.Peer {
		p.ApprovedBy = Approver
		return p
	}
	moved := approved(peer("b", api.StateChanged, "localhost:14001"))
	moved.Announced = &api.Announced{Endpoint: "10.0.0.2:14001"}
	back := approved(peer("b", api.StateChanged, "10.0.0.2:14001"))
	back.Announced = &api.Announced{Endpoint: "localhost:14001"}
	operators := approved(peer("b", api.StateAccepted, "10.0.0.2:14001"))
	operators.ApprovedBy = "root"
	twin := peer("c", api.StatePending, "10.0.0.2:14001")
	twin.Component = "NODE_a"
	approve := api.TrustRequest{Action: api.ActionApprove, Component: "NODE_b", PeerID: "b", Announcement: "hash of b", By: Approver}
	replace := api.TrustRequest{Action: api.ActionApprove, Component: "NODE_b", PeerID: "new", Announcement: "hash of new", Replace: true, By: Approver}
	forget := api.TrustRequest{Action: api.ActionForget, Component: "NODE_b", PeerID: "b", By: Approver}
	for name, x := range map[string]struct {
		peers []api.Peer
		seen  map[string]time.Time
		want  []api.TrustRequest
	}{
		"connected":                 {[]api.Peer{peer("b", api.StatePending, "10.0.0.2:14001")}, map[string]time.Time{"b": now}, []api.TrustRequest{approve}},
		"lost a moment ago":         {[]api.Peer{approved(peer("b", api.StateAccepted, "10.0.0.2:14001"))}, map[string]time.Time{"b": recently}, nil},
		"gone":                      {[]api.Peer{approved(peer("b", api.StateAccepted, "10.0.0.2:14001"))}, map[string]time.Time{"b": long}, []api.TrustRequest{forget}},
		"heard, never connected":    {[]api.Peer{peer("b", api.StatePending, "10.0.0.2:14001")}, nil, nil},
		"about to leave localhost":  {[]api.Peer{peer("b", api.StatePending, "localhost:14001")}, map[string]time.Time{"b": now}, nil},
		"has left it":               {[]api.Peer{moved}, map[string]time.Time{"b": now}, []api.TrustRequest{approve}},
		"is back there":             {[]api.Peer{back}, map[string]time.Time{"b": now}, nil},
		"denied":                    {[]api.Peer{peer("b", api.StateDenied, "10.0.0.2:14001")}, map[string]time.Time{"b": now}, nil},
		"revoked":                   {[]api.Peer{peer("b", api.StateRevoked, "10.0.0.2:14001")}, map[string]time.Time{"b": now}, nil},
		"gone, but an operator's":   {[]api.Peer{operators}, map[string]time.Time{"b": long}, nil},
		"ours on another machine":   {[]api.Peer{twin}, map[string]time.Time{"c": now}, nil},
		"a new identity":            {[]api.Peer{peer("new", api.StateConflict, "10.0.0.2:14001"), approved(peer("b", api.StateAccepted, "10.0.0.2:14001"))}, map[string]time.Time{"new": now}, []api.TrustRequest{replace, forget}},
		"two that are both present": {[]api.Peer{peer("new", api.StateConflict, "10.0.0.2:14001"), approved(peer("b", api.StateAccepted, "10.0.0.2:14001"))}, map[string]time.Time{"new": now, "b": now}, nil},
	} {
		f := lanFleet(now, api.Snapshot{Self: api.Peer{Component: "NODE_a", PeerID: "a"}, Peers: x.peers}, x.seen)
		if got := f.decide(f.members["NODE_a"]); !slices.Equal(got, x.want) {
			t.Errorf("%s: %+v", name, got)
		}
		for _, r := range x.want {
			f.refusals[approval{"NODE_a", r.Component, r.PeerID, r.Announcement}] = "no"
		}
		if again := f.decide(f.members["NODE_a"]); len(again) > 0 {
			t.Errorf("%s: what was refused is asked again at the next change: %+v", name, again)
		}
	}
}

func TestWhoIsSeenOnOtherMachines(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	before := now.Add(-time.Minute)
	yes, no := true, false
	s := api.Snapshot{Self: api.Peer{Component: "NODE_a", PeerID: "a"}, Peers: []api.Peer{
		{Component: "NODE_1", PeerID: "connected", Connected: &yes},
		{Component: "NODE_2", PeerID: "lost", Connected: &no},
		{Component: "NODE_3", PeerID: "approved before", Connected: &no, ApprovedBy: Approver},
		{Component: "NODE_4", PeerID: "told of", Connected: &no},
		{Component: "NODE_5", PeerID: "was ours", Connected: &yes},
	}}
	f := lanFleet(now, s, map[string]time.Time{"lost": before, "not heard of any more": before})
	f.departed["was ours"] = true
	f.lookAround()
	want := map[string]time.Time{"connected": now, "lost": before, "approved before": now}
	if len(f.seen) != len(want) {
		t.Fatalf("%v", f.seen)
	}
	for id, at := range want {
		if !f.seen[id].Equal(at) {
			t.Errorf("%s: %v", id, f.seen[id])
		}
	}
}
