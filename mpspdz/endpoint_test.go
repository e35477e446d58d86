package mpspdz_test

import (
	"errors"
	"strings"
	"testing"

	"fbpeer/mpspdz"
)

func TestParseEndpoint(t *testing.T) {
	long := strings.Repeat("a.", 126) + "a" // 253 bytes
	tests := []struct {
		in, host string
		port     uint16
	}{
		{"10.0.0.2:14001", "10.0.0.2", 14001},
		{"localhost:14000", "localhost", 14000},
		{"127.0.0.1:1", "127.0.0.1", 1},
		{"255.255.255.254:65535", "255.255.255.254", 65535},
		{"Hospital-A.Example.ORG:14000", "hospital-a.example.org", 14000},
		{"node_1:14000", "node_1", 14000},
		{"_a.b_:14000", "_a.b_", 14000},
		{"3com:14000", "3com", 14000},
		{"1.2.3.4a:14000", "1.2.3.4a", 14000},
		{"0xfg:14000", "0xfg", 14000},
		{"xn--mnchen-3ya.de:14000", "xn--mnchen-3ya.de", 14000},
		{strings.Repeat("a", 63) + ":1", strings.Repeat("a", 63), 1},
		{long + ":1", long, 1},
	}
	for _, test := range tests {
		e, err := mpspdz.ParseEndpoint(test.in)
		if err != nil || e.Host() != test.host || e.Port() != test.port || e.IsZero() {
			t.Errorf("%q: got %q %d, %v", test.in, e.Host(), e.Port(), err)
		}
		if again, err := mpspdz.ParseEndpoint(e.String()); err != nil || again != e {
			t.Errorf("%q: %q is another endpoint: %v", test.in, e, err)
		}
	}
	if (mpspdz.Endpoint{}).String() != "" || !(mpspdz.Endpoint{}).IsZero() {
		t.Error("the zero value is not none")
	}
}

func TestParseEndpointRefuses(t *testing.T) {
	const (
		port     = "is not a port (1 to 65535)"
		ipv6     = "is IPv6"
		name     = "is not a host name"
		address  = "is not an IPv4 address"
		nobody   = "nobody can dial"
		quotedNL = `\n`
	)
	tests := []struct{ in, want string }{
		{"", "has no port"},
		{"10.0.0.2", "has no port"},
		{":14000", "is not a host"},
		{"10.0.0.2:", port},
		// MP-SPDZ takes ports modulo 65536, and atoi's idea of a number.
		{"10.0.0.2:14O00", `"14O00" is not a port (1 to 65535)`},
		{"10.0.0.2:70000", port},
		{"10.0.0.2:65536", port},
		{"10.0.0.2:0", port},
		{"10.0.0.2:014000", port},
		{"10.0.0.2:+14000", port},
		{"10.0.0.2:-1", port},
		{"10.0.0.2: 14000", port},
		{"10.0.0.2:14000 ", port},
		{"10.0.0.2:14000\n", port},
		{"10.0.0.2:14_000", port},
		{"10.0.0.2:0x10", port},
		{"10.0.0.2:１４０００", port},
		{"10.0.0.2:14000:14001", port},
		// IPv6 in every form.
		{"::1", ipv6},
		{"[::1]:14000", ipv6},
		{"::1:14000", ipv6},
		{"2001:db8::2:14000", ipv6},
		{"2001:db8:0:0:0:0:0:1:14000", ipv6},
		{"fe80::1%eth0", ipv6},
		{"::ffff:10.0.0.2", ipv6},
		// What would add, shift or change a line of the ip file.
		{"10.0.0.2\n10.0.0.3:14000", quotedNL},
		{"10.0.0.2\n:14000", quotedNL},
		{"a\r:14000", name},
		{"#a:14000", name},
		{"a#b:14000", name},
		{" a:14000", name},
		{"a :14000", name},
		{"a b:14000", name},
		{"a\tb:14000", name},
		{"a\x00b:14000", name},
		{"\ufeffa:14000", name},
		{"\u00a0a:14000", name},
		{"a/../b:14000", name},
		{"user@host:14000", name},
		{"münchen.de:14000", name},
		{"ａ:14000", name},
		{"-a:14000", name},
		{"a-.b:14000", name},
		{"a..b:14000", name},
		{".a:14000", name},
		{"*:14000", name},
		{"example.org.:14000", "ends in a dot"},
		{"10.0.0.2.:14000", "ends in a dot"},
		{".:14000", "ends in a dot"},
		{strings.Repeat("a", 64) + ":1", name},
		{strings.Repeat("a.", 126) + "aa:1", "too long"},
		// What the resolver would read as an address.
		{"300.1.1.1:14000", address},
		{"010.0.0.1:14000", address},
		{"1.2.3:14000", address},
		{"127.1:14000", address},
		{"2130706433:14000", address},
		{"0x7f000001:14000", address},
		{"0X7F.1:14000", address},
		{"0x:14000", address},
		{"127.0.0.0x1:14000", address},
		{"1.2.3.4.5:14000", address},
		{"host.123:14000", address},
		{"10.0.0.256:14000", address},
		// Where nobody can connect.
		{"0.0.0.0:14000", nobody},
		{"0.1.2.3:14000", nobody},
		{"224.0.0.1:14000", "multicast"},
		{"239.255.255.255:14000", "multicast"},
		{"255.255.255.255:14000", "broadcast"},
	}
	for _, test := range tests {
		e, err := mpspdz.ParseEndpoint(test.in)
		var bad *mpspdz.EndpointError
		if !errors.As(err, &bad) {
			t.Errorf("%q: got %q, %v", test.in, e, err)
			continue
		}
		if text := err.Error(); !strings.Contains(text, test.want) || strings.ContainsAny(text, "\n\r\t\x00\ufeff") {
			t.Errorf("%q: error %q lacks %q or is not escaped", test.in, text, test.want)
		}
		if !e.IsZero() {
			t.Errorf("%q: an endpoint beside the error", test.in)
		}
	}
	if _, err := mpspdz.ParseEndpoint(strings.Repeat("\x00", 1<<20) + ":1"); err == nil || len(err.Error()) > 500 {
		t.Error("the error repeats all of a long value")
	}
}

func TestNewEndpoint(t *testing.T) {
	if e, err := mpspdz.NewEndpoint("Example", 14000); err != nil || e.String() != "example:14000" {
		t.Errorf("got %q, %v", e, err)
	}
	for host, port := range map[string]uint16{"example": 0, "a:1": 2, "::1": 14000, "": 1} {
		if e, err := mpspdz.NewEndpoint(host, port); err == nil {
			t.Errorf("%q %d: got %q", host, port, e)
		}
	}
}

func TestEndpointKinds(t *testing.T) {
	for in, loopback := range map[string]bool{
		"localhost:1": true, "LOCALHOST:1": true, "a.localhost:1": true, "127.0.0.1:1": true, "127.9.9.9:1": true,
		"128.0.0.1:1": false, "10.0.0.1:1": false, "notlocalhost:1": false, "localhost.example.org:1": false,
	} {
		if endpoint(t, in).IsLoopback() != loopback {
			t.Errorf("%s: loopback is %v", in, !loopback)
		}
	}
	for in, ephemeral := range map[string]bool{"a:32767": false, "a:32768": true, "a:60999": true, "a:61000": false, "a:14000": false} {
		if endpoint(t, in).IsEphemeral() != ephemeral {
			t.Errorf("%s: ephemeral is %v", in, !ephemeral)
		}
	}
}

func TestCheckComponentID(t *testing.T) {
	for _, id := range []string{"NODE_f4ddb0d4-0b78-4f20-ab59-3d7db4765f05", "alice", "a", "1", "a.b-c_d", strings.Repeat("a", 64)} {
		if err := mpspdz.CheckComponentID(id); err != nil {
			t.Error(err)
		}
	}
	for _, id := range []string{"", ".", "..", "../x", "a/b", `a\b`, "a b", "a\n", "\x1b[2J", "-a", "_a", ".a", "é", "a\x00", strings.Repeat("a", 65)} {
		err := mpspdz.CheckComponentID(id)
		var bad *mpspdz.ComponentError
		if !errors.As(err, &bad) || strings.ContainsAny(err.Error(), "\n\x1b\x00") {
			t.Errorf("%q: %v", id, err)
		}
	}
}

func TestParseRole(t *testing.T) {
	for _, r := range []mpspdz.Role{mpspdz.Researcher, mpspdz.Node, mpspdz.PlainParty} {
		if got, err := mpspdz.ParseRole(string(r)); err != nil || got != r {
			t.Errorf("%s: %v", r, err)
		}
	}
	for _, s := range []string{"", "Node", "NODE", "node ", "other"} {
		if _, err := mpspdz.ParseRole(s); err == nil {
			t.Errorf("%q is a role", s)
		}
	}
}

func TestHash(t *testing.T) {
	h := mpspdz.Hash{0: 1, 31: 0xfe}
	text := h.String()
	if text != "SHA256:AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAP4" {
		t.Error(text)
	}
	if again, err := mpspdz.ParseHash(text); err != nil || again != h || h.IsZero() || !(mpspdz.Hash{}).IsZero() {
		t.Errorf("%v, %v", again, err)
	}
	for _, s := range []string{
		"", "SHA256:", text[7:], text + "=", text + "A", text[:len(text)-1], text[:len(text)-1] + "5", "sha256:" + text[7:], " " + text,
		text[:20] + "\n" + text[20:], text[:20] + "\n" + text[21:], strings.Replace(text, "A", "-", 1), text[:40] + "_" + text[41:],
	} {
		if _, err := mpspdz.ParseHash(s); !errors.Is(err, mpspdz.ErrHash) {
			t.Errorf("%q: %v", s, err)
		}
	}
}
