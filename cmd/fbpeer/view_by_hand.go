package main

import (
	"fmt"
	"strings"

	"fbpeer/agent/api"
)

// byHandText says what stands in the registry of a component that waits for approval; "" if nothing does.
func byHandText(p api.Peer) string {
	switch h := p.ByHand; {
	case h == nil:
		return ""
	case h.Same:
		return "its id and certificate are registered by hand here"
	case h.Certificate == "":
		return "its id is registered by hand here, with a certificate that cannot be used"
	default:
		return "its id is registered by hand here, WITH ANOTHER CERTIFICATE"
	}
}

// addByHand adds the lines about the row by hand, with what differs from what is announced.
func addByHand(t *table, p api.Peer) {
	text := byHandText(p)
	if text == "" {
		return
	}
	t.add("registry", text)
	if h := p.ByHand; h.Endpoint != p.Endpoint {
		t.add("  endpoint", fmt.Sprintf("%s by hand  ->  %s announced", show(h.Endpoint), show(p.Endpoint)))
	}
	if h := p.ByHand; !h.Same && h.Certificate != "" && p.Certificate != nil {
		t.add("  by hand", show(h.Certificate))
		t.add("  announced", show(p.Certificate.SHA256))
	}
}

// registeredToo marks those of whom an operator registered the certificate that they announce.
func registeredToo(p api.Peer) string {
	if p.ByHand == nil {
		return ""
	}
	if !p.ByHand.Same {
		return ", by hand (differs)"
	}
	return ", by hand"
}

// newcomer is who is new, in `status`, and where it is decided.
func (v view) newcomer(p api.Peer) deed {
	d := deed{"DECIDE", v.called(p.Component) + " is new", v.prog + " trust pending"}
	switch h := p.ByHand; {
	case h == nil:
	case h.Same:
		d.what += ", registered by hand"
		d.cure = v.prog + " trust approve --registered"
	default:
		d.what += ", registered with ANOTHER CERTIFICATE"
	}
	return d
}

// registeredScreen lists what `trust approve --registered` is about.
func (v view) registeredScreen(found, doubtful []api.Peer) string {
	var b strings.Builder
	if len(found) == 0 {
		b.WriteString("No component waits for your decision whose id and certificate are registered by hand here.\n")
	} else {
		b.WriteString(wrap("", count(len(found), "component is", "components are")+
			" registered by hand here, with the certificate whose key they have proved to hold:", ""))
	}
	for _, p := range found {
		b.WriteString("\n" + v.registeredOne(p))
	}
	for _, p := range doubtful {
		b.WriteString("\n" + wrap("left out: ", fmt.Sprintf("%s @%s, for several identities announce the certificate that is registered: settle that one by one.",
			v.called(p.Component), show(p.PeerID)), "  "))
	}
	return b.String()
}

func (v view) registeredOne(p api.Peer) string {
	head, t := table{indent: "  "}, table{indent: "    "}
	head.add(show(p.Component), claimed(p.Label))
	a := offered(p)
	if p.ByHand.Endpoint == a.Endpoint {
		t.add("endpoint", show(a.Endpoint))
	} else {
		t.add("endpoint", fmt.Sprintf("%s by hand  ->  %s announced", show(p.ByHand.Endpoint), show(a.Endpoint)))
	}
	t.add("certificate", certificateText(a.Certificate))
	t.add("", show(a.Certificate.SHA256))
	t.add("fingerprint", show(a.Fingerprint))
	t.add("words", wordsText(a.Words))
	t.add("heard", v.heard(p))
	return head.String() + t.String() + v.warnings(p.Warnings, "    ")
}
