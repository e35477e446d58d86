package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"syscall"
	"time"

	"fbpeer/mpspdz"
)

// dialParty makes one handshake with a party's real port, at the address in the own ip file, until ctx ends, and says what came of it.
func (f *files) dialParty(ctx context.Context, c Config, party int) result {
	r := result{to: party, party: nobody, endpoint: f.ips[party]}
	if r.endpoint == f.set.Parties()[party].Endpoint {
		r.endpoint = mpspdz.Endpoint{}
	}
	began := time.Now()
	conn, err := c.Dial(ctx, "tcp4", f.ips[party].String())
	if err != nil {
		r.code, r.how, r.detail = dialFailure(err)
		return r
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if err := ctx.Err(); err != nil { // not one byte more
		r.code, r.how, r.detail = dialFailure(err)
		return r
	}
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			r.code, r.detail = Failed, detailOf(err)
			return r
		}
	}
	f.shakeHands(ctx, conn, party, c.Now(), began, &r)
	return r
}

// shakeHands completes a result by what happens on the connection. The own verdict goes before everything else.
func (f *files) shakeHands(ctx context.Context, conn net.Conn, party int, now, began time.Time, r *result) {
	var ours verdict
	tlsConn := tls.Client(conn, f.tlsConfig(func(der []byte) { ours = f.judge(der, party, now) }))
	defer tlsConn.Close() // says goodbye, so that the other side need not wait
	err := tlsConn.HandshakeContext(ctx)
	took := max(time.Since(began).Round(time.Millisecond), time.Millisecond) // 0 would be none
	theirs, stands := Code(""), err == nil
	if stands {
		theirs, err = exchange(tlsConn, ours.code)
		if err != nil && ctx.Err() != nil && !errors.Is(err, errNoAgent) {
			err = ctx.Err() // which has closed the connection
		}
	}
	switch {
	case ours.code != "" && ours.code != OK:
		r.code, r.party, r.detail = ours.code, ours.party, ours.detail
		if stands && err != nil && !isAlert(err) { // nothing says that it is an agent
			r.how = howOther
		}
	case err != nil:
		r.code, r.how, r.detail = handshakeFailure(err)
		if stands && (r.how == howSilent || r.how == howClosed) {
			r.how = howNoLine
		}
	case theirs != OK:
		r.code, r.how = theirs, howThere
	default:
		r.code, r.took = OK, took
	}
}

// dialFailure says what it means that no connection came about.
func dialFailure(err error) (Code, how, string) {
	var dns *net.DNSError
	var network net.Error
	switch {
	case errors.As(err, &dns):
		return Unresolved, howHere, ""
	case errors.Is(err, syscall.ECONNREFUSED):
		return Refused, howHere, ""
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return Timeout, howHere, ""
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return Failed, howRoute, ""
	}
	return Failed, howHere, cause(err)
}

// handshakeFailure says what it means that a connection came about, and no handshake of two agents, with verdicts.
func handshakeFailure(err error) (Code, how, string) {
	var network net.Error
	var header tls.RecordHeaderError
	switch {
	case isAlert(err):
		return alertCode(err)
	case errors.Is(err, errNoAgent):
		return Failed, howOther, ""
	case errors.As(err, &header):
		return Failed, howNotTLS, ""
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return Timeout, howSilent, ""
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET),
		errors.Is(err, syscall.EPIPE), errors.Is(err, net.ErrClosed):
		return Failed, howClosed, ""
	}
	return Failed, howHere, cause(err)
}

// cause is the innermost text of a network error: the addresses stand elsewhere.
func cause(err error) string {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err.Error()
	}
	return err.Error()
}

// The alerts that OpenSSL sends because of a certificate, RFC 5246, section 7.2.
const (
	alertBadCertificate = tls.AlertError(42)
	alertExpired        = tls.AlertError(45)
	alertUnknownCA      = tls.AlertError(48)
)

func isAlert(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "remote error"
}

// alertCode says what an alert of the other side says of our certificate. Go does not export the type of such an error, only its text.
// OpenSSL says bad certificate for a name that does not match, and for one that is not valid yet.
func alertCode(err error) (Code, how, string) {
	text := cause(err)
	switch text {
	case alertUnknownCA.Error():
		return UnknownCertificate, howAlert, ""
	case alertExpired.Error():
		return Expired, howAlert, ""
	case alertBadCertificate.Error():
		return NameRefused, howAlert, ""
	}
	return Failed, howAlert, text
}
