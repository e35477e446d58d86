package agent

import (
	"testing"

	"fbpeer/config"
	"fbpeer/fedbiomed"
	"fbpeer/mpspdz"
)

func TestBindAddress(t *testing.T) {
	at := func(host string) mpspdz.Endpoint {
		e, err := mpspdz.NewEndpoint(host, 14001)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	node := func(own, told string) config.Config {
		return config.Config{Component: config.Component{Endpoint: at(told), Fedbiomed: &fedbiomed.Component{Endpoint: at(own)}}}
	}
	with := func(c config.Config, change func(*config.Config)) config.Config { change(&c); return c }
	vpn := node("10.221.0.2", "10.221.0.2")
	for _, test := range []struct {
		name string
		c    config.Config
		want string
	}{
		{"a VPN's address", vpn, "10.221.0.2"},
		{"[agent] listen says where", with(vpn, func(c *config.Config) { c.Listen = ":4100" }), "invalid IP"},
		{"[agent] announce: behind NAT", with(vpn, func(c *config.Config) { c.Announce = []string{"192.0.2.7"} }), "invalid IP"},
		{"[advertise] ip: behind NAT", node("10.221.0.2", "192.0.2.7"), "invalid IP"},
		{"as Fed-BioMed makes it", node("localhost", "localhost"), "invalid IP"},
		{"loopback", node("127.0.0.1", "127.0.0.1"), "invalid IP"},
		{"a host name", node("nice.example", "nice.example"), "invalid IP"},
		{"a plain party", config.Config{Component: config.Component{Endpoint: at("10.0.0.2")}}, "invalid IP"},
	} {
		if got := BindAddress(&test.c).String(); got != test.want {
			t.Errorf("%s: %s", test.name, got)
		}
	}
}
