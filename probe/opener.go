package probe

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"fbpeer/mpspdz"
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

// timing is what tests shorten.
type timing struct {
	open  time.Duration // how long the port is open at most
	every time.Duration // from the begin of one opening to that of the next at least
	dial  time.Duration // one handshake at most, on either side
	ask   time.Duration // how long the coordinator waits for the members' answers, and a member for what is asked
	whole time.Duration // a stream at most
}

var usual = timing{open: 5 * time.Second, every: 30 * time.Second, dial: 3 * time.Second, ask: 2 * time.Second, whole: 15 * time.Second}

// Opener opens one agent's MP-SPDZ port: one at a time, for 5 s at most, once in 30 s at most, whoever asks. It is safe for concurrent use.
type Opener struct {
	c      Config
	ctx    context.Context
	timing timing
	group  sync.WaitGroup

	mu     sync.Mutex
	last   *opening // the newest one, nil if there was none
	failed *failure // the newest attempt that failed, nil if there was none
}

// NewOpener makes one. When ctx ends, so does whatever is open.
func NewOpener(ctx context.Context, c Config) *Opener {
	if c.Listen == nil {
		c.Listen = listen
	}
	if c.Dial == nil {
		c.Dial = new(net.Dialer).DialContext
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Proc == "" {
		c.Proc = "/proc"
	}
	return &Opener{c: c, ctx: ctx, timing: usual}
}

// listen binds what MP-SPDZ binds, but without SO_REUSEADDR, which Go sets: with it one could bind, and listen at, what an MP-SPDZ has bound
// and does not listen at yet.
func listen(ctx context.Context, port uint16) (net.Listener, error) {
	c := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var fault error
		err := raw.Control(func(fd uintptr) { fault = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 0) })
		return errors.Join(err, fault)
	}}
	return c.Listen(ctx, "tcp4", net.JoinHostPort("0.0.0.0", strconv.Itoa(int(port))))
}

// Wait returns when the Opener's context has ended and nothing of it runs any more.
func (o *Opener) Wait() {
	<-o.ctx.Done()
	o.spawn(func() {}) // not run any more: it waits for what is just being begun, after which only what runs begins anything
	o.group.Wait()
}

// spawn runs f, which must not panic, unless the Opener's time is over.
func (o *Opener) spawn(f func()) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ctx.Err() != nil {
		return false
	}
	o.group.Go(f)
	return true
}

// oftenError: the port was open for another set, and may not be opened again so soon.
type oftenError struct{ left time.Duration }

func (e *oftenError) Error() string { return "the port was opened for another set" }

// failure is an attempt to open the port that failed. The next one with the same files may be made as late as after an opening: whoever asks
// again and again has /proc and the folder read no more often.
type failure struct {
	folder string
	digest mpspdz.Hash
	at     time.Time
	err    error
}

// failedError is why a site cannot open its port, and how long that is not looked at again.
type failedError struct {
	err  error
	left time.Duration
}

func (e *failedError) Error() string { return e.err.Error() }

func (e *failedError) Unwrap() error { return e.err }

// again is how long after something was done at a time it may be done again. A clock that was set back counts as none.
func (o *Opener) again(at, now time.Time) time.Duration {
	since := now.Sub(at)
	if since < 0 {
		return 0
	}
	return o.timing.every - since
}

// join gives the opening that there is or begins one. One that has ended less than 30 s after its begin is given as it is. Whoever joins
// one that has not ended must leave it. The error is an *oftenError, or why the site cannot do it; a *failedError is kept for 30 s.
func (o *Opener) join(s Site) (*opening, error) {
	folder, err := filepath.EvalSymlinks(s.Folder)
	if err != nil {
		return nil, plain(filepath.Base(s.Folder), err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.ctx.Err(); err != nil {
		return nil, err
	}
	if p := o.last; p != nil && !p.mayFollow(o.c.Now()) {
		if p.digest != s.Set.Digest() {
			return nil, &oftenError{p.again(o.c.Now())}
		}
		p.users++
		return p, nil
	}
	digest, now := s.Set.Digest(), o.c.Now()
	if f := o.failed; f != nil && f.folder == folder && f.digest == digest && o.again(f.at, now) > 0 {
		return nil, &failedError{f.err, o.again(f.at, now)}
	}
	p, err := o.begin(s, folder)
	if err != nil {
		o.failed = &failure{folder: folder, digest: digest, at: now, err: err}
		return nil, &failedError{err, o.timing.every}
	}
	o.last, o.failed = p, nil
	return p, nil
}

// begin makes an opening, if the site can.
func (o *Opener) begin(s Site, folder string) (*opening, error) {
	f, err := readFiles(os.DirFS(folder), s)
	if err != nil {
		return nil, err
	}
	p := o.newOpening(f, s, folder)
	if p.status == statusOpen {
		err = p.listen(s.BindPort)
	}
	if err != nil {
		p.cancel()
		return nil, err
	}
	return p, nil
}

// newOpening decides whether the port may be opened, and opens nothing yet.
func (o *Opener) newOpening(f *files, s Site, folder string) *opening {
	p := &opening{o: o, files: f, digest: s.Set.Digest(), began: o.c.Now(), users: 1,
		served: map[int]bool{}, dials: map[int]*dialing{}, turns: make(chan struct{}, dialsAtOnce)}
	p.ctx, p.cancel = context.WithTimeout(o.ctx, o.timing.open)
	switch {
	case s.Off:
		p.status = statusOff
	case portHeld(o.c.Proc, s.BindPort):
		p.status = statusInUse
	case o.ran(folder, s.BindPort):
		p.status = statusRan
	}
	return p
}

// listen opens the port. A port in use is no error, but the opening's status.
func (p *opening) listen(port uint16) error {
	l, err := p.o.c.Listen(p.ctx, port)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		p.status = statusInUse
		return nil
	case err != nil:
		return errors.New("port " + strconv.Itoa(int(port)) + ": " + cause(err))
	}
	p.o.group.Go(func() { p.accept(l) })
	return nil
}
