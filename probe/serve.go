package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// Protocol is the id of the federation streams.
const Protocol = "/fbpeer/1/probe"

// Member is the answering side at one site.
type Member struct {
	Opener *Opener
	// Site gives what is in force of the set of that name (empty: the default set). A *Refusal is told the coordinator as it is, any other
	// error as its text. For a peer that is not accepted, it is ReasonNotAccepted.
	Site func(setName string) (Site, error)
}

// Serve answers one coordinator on one stream, and closes it. It takes 15 s at most, and 2 s if nothing is asked. Close must end what is
// read and written on the stream. The error is for the log; what a peer sent in it is not escaped.
func Serve(ctx context.Context, stream io.ReadWriteCloser, m Member) (err error) {
	defer stream.Close()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("answering a probe: %v", p)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, m.Opener.timing.whole)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = stream.Close() })()
	impatience := time.AfterFunc(m.Opener.timing.ask, func() { _ = stream.Close() })
	body, err := readFrame(stream)
	if !impatience.Stop() {
		return errors.New("nothing was asked in time")
	}
	if err != nil {
		return err
	}
	q, err := decodeRequest(body)
	if err != nil {
		return err
	}
	site, p, a := m.opening(q)
	if p != nil {
		defer p.leave()
	}
	if err := writeFrame(stream, a.encode()); err != nil || !a.status.takesPart() {
		return err
	}
	if a.over {
		return writeFrame(stream, encodeRow(aged(p.results(), m.Opener.c.Now())))
	}
	if body, err = readFrame(stream); err != nil {
		return err
	}
	targets, err := decodeGo(body, site.Set.Number(site.Component), site.Set.Len())
	if err != nil {
		return err
	}
	ctx, gone := context.WithCancel(ctx)
	defer gone()
	ended := make(chan error, 1)
	go func() {
		defer gone()
		defer func() {
			if p := recover(); p != nil {
				ended <- fmt.Errorf("waiting for the end of a probe: %v", p)
			}
		}()
		ended <- untilClosed(stream)
	}()
	row := p.dial(ctx, targets)
	if ctx.Err() == nil {
		err = writeFrame(stream, encodeRow(aged(row, m.Opener.c.Now())))
	}
	if err != nil {
		_ = stream.Close()
	}
	return errors.Join(err, <-ended)
}

// untilClosed waits until the coordinator closes the stream, which it does when it has all rows, or when it breaks off: the port stays open,
// and others are dialled, until then.
func untilClosed(stream io.Reader) error {
	n, err := io.Copy(io.Discard, io.LimitReader(stream, 1))
	if n > 0 {
		return broken("something after the row was asked for")
	}
	return err
}

// opening answers a request: the opening is nil if the site takes no part.
func (m Member) opening(q request) (Site, *opening, answer) {
	site, err := m.Site(q.setName)
	switch {
	case err != nil:
		return site, nil, refused(err)
	case site.Off:
		return site, nil, answer{status: statusOff}
	case site.Set.Digest() != q.digest:
		return site, nil, answer{status: statusOtherSet, digest: site.Set.Digest()}
	}
	p, a := m.Opener.answer(site)
	if a.status == statusOff { // it was off a moment ago, when this site's own operator asked
		p.leave()
		return site, nil, answer{status: statusOften, left: p.again(m.Opener.c.Now())}
	}
	return site, p, a
}

// answer joins an opening, if it can, and says what that gives.
func (o *Opener) answer(s Site) (*opening, answer) {
	p, err := o.join(s)
	if err != nil {
		return nil, refused(err)
	}
	now := o.c.Now()
	if p.over() {
		return p, answer{status: p.status, over: true, left: p.again(now), age: now.Sub(p.began)}
	}
	return p, answer{status: p.status, left: p.left()}
}

// refused is what an error tells the coordinator.
func refused(err error) answer {
	var often *oftenError
	var failed *failedError
	var refusal *Refusal
	switch {
	case errors.As(err, &often):
		return answer{status: statusOften, left: often.left}
	case errors.As(err, &failed):
		return answer{status: statusFailed, left: failed.left, detail: detailOf(failed.err)}
	case !errors.As(err, &refusal):
		return answer{status: statusFailed, detail: detailOf(err)}
	case refusal.Reason == ReasonNotAccepted:
		return answer{status: statusNotAccepted}
	}
	return answer{status: statusNoSet}
}

// aged completes results by how old they are.
func aged(row []result, now time.Time) []result {
	for i := range row {
		row[i].age = max(now.Sub(row[i].at), 0)
	}
	return row
}
