package probe

import (
	"context"
	"errors"
	"io"
)

// Protocol is the id of the federation streams.
const Protocol = "/fbpeer/1/probe"

// Member is the answering side at one site.
type Member struct {
	Opener *Opener
	// Site gives what is in force of the set of that name (empty: the default set). A *Refusal is told the coordinator as it is, any other
	// error as ReasonFailed. For a peer that is not accepted, it is ReasonNotAccepted.
	Site func(setName string) (Site, error)
}

// Serve answers one coordinator on one stream, and closes it. It takes 15 s at most. Close must end what is read and written on the
// stream. The error is for the log.
func Serve(ctx context.Context, stream io.ReadWriteCloser, m Member) error {
	return errors.New("not yet")
}
