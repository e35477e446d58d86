package probe

import (
	"context"
	"net"
	"time"

	"github.com/rs/zerolog"
)

// Config is what an Opener needs of the world around it. The zero value is the real one.
type Config struct {
	Listen  func(ctx context.Context, port uint16) (net.Listener, error)         // nil: all IPv4 addresses, as MP-SPDZ does
	Dial    func(ctx context.Context, network, address string) (net.Conn, error) // nil: a net.Dialer's
	Now     func() time.Time                                                     // nil: time.Now
	Proc    string                                                               // empty: /proc
	Players string                                                               // [players] dir: a party that works below it is ours
	Log     zerolog.Logger
}

// Opener opens one agent's MP-SPDZ port: one at a time, for 5 s at most, once in 30 s at most, whoever asks. It is safe for concurrent use.
type Opener struct {
	c   Config
	ctx context.Context
}

// NewOpener makes one. When ctx ends, so does whatever is open.
func NewOpener(ctx context.Context, c Config) *Opener { return &Opener{c: c, ctx: ctx} }

// Wait returns when nothing of the Opener runs any more. It is for after the end of its context.
func (o *Opener) Wait() {}
