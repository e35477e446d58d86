package probe

import (
	"context"
	"errors"
	"io"
)

// Round is a probe of a whole set, as the asking side needs it.
type Round struct {
	Opener *Opener
	Site   Site // the own one
	// Stream opens a stream of Protocol to a component's agent. An error means that it cannot be asked. Close must end what is read and
	// written on the stream.
	Stream     func(ctx context.Context, component string) (io.ReadWriteCloser, error)
	Components []string                      // only pairs with one of these (ids of members); empty: all
	Name       func(component string) string // what texts call a component; nil: its id
}

// Coordinate asks every member to open its port and to dial the others, does the same at this site, and gives every direction that was
// asked for, by party number of From, then of To. It takes 15 s at most. The error is mpspdz.ErrNotMember for Site.Component or one of
// Components; whatever fails otherwise is a result.
func Coordinate(ctx context.Context, r Round) ([]Cell, error) {
	return nil, errors.New("not yet")
}
