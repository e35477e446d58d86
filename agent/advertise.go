package agent

import (
	"context"
	"net/netip"

	"fbpeer/agent/api"
	"fbpeer/config"
	"fbpeer/mpspdz"
)

// Advertise has the component announced at this address of its machine as long as its configuration says localhost or another loopback
// address; with the zero address, as it is configured. It answers once the announcement that follows from it is made and told. Nothing
// of it is kept but that announcement. The error is ErrNotRunning, or the context's.
func (a *Agent) Advertise(ctx context.Context, address netip.Addr) error {
	_, err := inLoop(ctx, a, func(ctx context.Context, l *loop) (none struct{}, err error) {
		if l.core.self.advertised == address {
			return none, nil
		}
		l.core.self.advertised = address
		l.core.self.registration.Endpoint = l.core.self.endpoint(l.core.config.Component.Endpoint)
		if err := l.announce(ctx); err != nil {
			return none, err
		}
		l.settle()
		return none, nil
	})
	return err
}

// endpoint is what is announced where the configuration says configured.
func (s *self) endpoint(configured mpspdz.Endpoint) mpspdz.Endpoint {
	if !s.advertised.IsValid() || !configured.IsLoopback() {
		return configured
	}
	endpoint, err := mpspdz.NewEndpoint(s.advertised.String(), configured.Port())
	if err != nil {
		return configured // IPv6, which MP-SPDZ cannot use
	}
	return endpoint
}

// ownSources are the own values with where each came from, with the address that is announced in place of localhost.
func (k *core) ownSources() (all []api.Setting) {
	announced, configured := k.self.registration.Endpoint, k.config.Component.Endpoint
	for _, s := range k.config.Settings {
		if s.Name == "advertise.ip" && announced != configured {
			s.Value, s.Source = announced.Host(), "fbpeer dev --lan, in place of "+configured.Host()
		}
		all = append(all, api.Setting{Name: s.Name, Value: s.Value, Source: s.Source})
	}
	return all
}

// Advertised is the IPv4 address that the component of these stores announced last in place of its configured loopback address; zero:
// none, or its stores do not say.
func Advertised(c *config.Config) netip.Addr {
	k, err := loadCore(c, Options{}.withDefaults(), store{dir: c.State})
	if err != nil || k.self.announcement == nil || !c.Component.Endpoint.IsLoopback() {
		return netip.Addr{}
	}
	address, err := netip.ParseAddr(k.self.announcement.Endpoint.Host())
	if err != nil || address.IsLoopback() {
		return netip.Addr{}
	}
	return address
}
