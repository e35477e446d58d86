package mpspdz

import (
	"fmt"
	"slices"
)

// checkLines compares the ip file with the expected set, line by line.
func (f *folder) checkLines() {
	if n, want := len(f.ip.lines), f.expected.Len(); f.ip.there && n > 0 && n != want {
		f.fail(FolderPartyCount, IPFile, fmt.Sprintf("the file makes %d parties, and the set has %d", n, want), cureRewrite)
	}
	for j, l := range f.ip.lines[:min(len(f.ip.lines), f.expected.Len())] {
		e, err := l.endpoint()
		if err != nil {
			continue // that is said already
		}
		want := f.expected.parties[j]
		owner := f.owner(e, j)
		finding := Finding{Error: true, Where: l.where(), Component: want.Component, Cure: cureRewrite}
		switch {
		case owner == j, j == f.number && owner == unknownParty && (f.own.BindPort == 0 || e.port == f.own.BindPort):
			continue // the own line's host is not used
		case owner != unknownParty:
			finding.Code, finding.Component = FolderWrongOrder, f.component(owner)
			finding.Text = fmt.Sprintf("line %d is party %d, and it is %s's address (%s): %s is party %d, and party %d is %s at %s",
				l.line, j, f.component(owner), e, f.component(owner), owner, j, want.Component, want.Endpoint)
		case j == f.number:
			finding.Code = FolderBindPort
			finding.Text = fmt.Sprintf("line %d is the own one, with port %d, and MP-SPDZ shall bind %d here", l.line, e.port, f.own.BindPort)
		default:
			finding.Code = FolderEndpoint
			finding.Text = fmt.Sprintf("line %d is %s, and party %d is %s at %s", l.line, e, j, want.Component, want.Endpoint)
		}
		f.add(finding)
	}
}

// owner is the party of the expected set whose address this is, where line j has it; unknownParty if it is nobody's. The own address
// is that with the port to bind, here, and for whoever did not look at that, the advertised one.
func (f *folder) owner(e Endpoint, j int) int {
	own := f.number
	isOwn := own >= 0 && own < f.expected.Len() && e.host == f.expected.parties[own].Endpoint.host && e.port == f.own.BindPort
	if isOwn && j == own {
		return own
	}
	owner := slices.IndexFunc(f.expected.parties, func(p Party) bool { return p.Endpoint == e })
	switch {
	case owner == own && j == own && f.own.BindPort != 0:
		return unknownParty // the advertised port, in the line of the one to bind
	case owner < 0 && isOwn:
		return own
	}
	return owner
}

// checkSetCertificates compares each party's certificate with the expected one.
func (f *folder) checkSetCertificates() {
	for j, want := range f.expected.parties {
		c := f.first(j)
		if c == nil || c.hash == want.Certificate.hash {
			continue
		}
		finding := Finding{FolderCertificate, true, f.certificates[j].shown, want.Component,
			fmt.Sprintf("it is not the certificate of %s in force, but %s", want.Component, c.called()), cureRewrite}
		owner := slices.IndexFunc(f.expected.parties, func(p Party) bool { return p.Certificate.hash == c.hash })
		switch {
		case owner >= 0:
			finding.Code, finding.Component = FolderWrongOrder, f.component(owner)
			finding.Text = fmt.Sprintf("it is %s's certificate, and %s is party %d; party %d is %s",
				f.component(owner), f.component(owner), owner, j, want.Component)
		case c.good != nil && c.good.keyHash == want.Certificate.keyHash:
			finding.Text = fmt.Sprintf("it is another certificate of %s's key than the one in force (%s)", want.Component, c.good.hash)
		}
		f.add(finding)
	}
}
