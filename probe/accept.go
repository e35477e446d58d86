package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"
)

// maxConns is how many connections an opening holds at once; a set has at most 254 others. More are closed at once.
const maxConns = 512

// accept serves everybody who dials, until the opening ends, and then leaves nothing behind.
func (p *opening) accept(l net.Listener) {
	defer p.o.recovered("opening")
	defer p.cancel()
	defer l.Close()
	defer context.AfterFunc(p.ctx, func() { _ = l.Close() })()
	room := make(chan struct{}, maxConns)
	for {
		conn, err := l.Accept()
		if err != nil {
			if p.over() || errors.Is(err, net.ErrClosed) {
				return
			}
			pause(p.ctx) // out of file descriptors, as a rule
			continue
		}
		resetOnClose(conn)
		select {
		case room <- struct{}{}:
			p.o.group.Go(func() {
				defer func() { <-room }()
				defer p.o.recovered("serving")
				p.serve(conn)
			})
		default:
			_ = conn.Close()
		}
	}
}

// pause keeps a failing accept from spinning.
func pause(ctx context.Context) {
	timer := time.NewTimer(10 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// serve does the answering side of one handshake. A member has one in an opening; a stranger is told that it is none, and uses up nothing.
func (p *opening) serve(conn net.Conn) {
	defer conn.Close()
	ctx, cancel := context.WithTimeout(p.ctx, p.o.timing.dial)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	var ours verdict
	tlsConn := tls.Server(conn, p.files.tlsConfig(func(der []byte) { ours = p.files.judge(der, anyMember, p.o.c.Now()) }))
	log := p.o.c.Log.Debug().Str("from", conn.RemoteAddr().String())
	if err := tlsConn.HandshakeContext(ctx); err != nil {
		log.Str("why", cause(err)).Msg("no handshake with the open MP-SPDZ port")
		return
	}
	if ours.code == OK && !p.first(ours.party) {
		ours.code = NotOpened
	}
	theirs, err := exchange(tlsConn, ours.code)
	log.Int("party", ours.party).Str("ours", string(ours.code)).Str("theirs", string(theirs)).AnErr("error", err).
		Msg("a handshake with the open MP-SPDZ port")
	_, _ = io.Copy(io.Discard, io.LimitReader(tlsConn, maxLine)) // until the other side has closed
}

// first says whether it is the member's first handshake, and notes it.
func (p *opening) first(party int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	had := p.served[party]
	p.served[party] = true
	return !had
}

// resetOnClose makes a connection end without a TIME_WAIT on our port, which would look like a computation that has just ended.
func resetOnClose(conn net.Conn) {
	if c, ok := conn.(interface{ SetLinger(int) error }); ok {
		_ = c.SetLinger(0) // fails only if it is closed
	}
}
