package discovery

import (
	"context"
	"log/slog"

	"github.com/libp2p/go-libp2p/gologshim"
	"github.com/rs/zerolog"
)

// BridgeLogs sends what libp2p and GossipSub (through slog) and the mDNS library (through the standard log package) write to log instead
// of to standard error. What they take for information says something to their developers only: here it is debug. Warnings and errors
// stay what they are. libp2p takes a process-wide handler only, and each of its parts keeps the one that it finds at its first line:
// call this once, in main, before the first host is made. It also becomes slog's default. The level of log bounds what is written;
// libp2p's own choice without a bridge is error.
func BridgeLogs(log zerolog.Logger) {
	handler := quieter{zerolog.NewSlogHandler(log)}
	gologshim.SetDefaultHandler(handler)
	slog.SetDefault(slog.New(handler))
}

// quieter makes debug lines of what is below a warning.
type quieter struct{ slog.Handler }

func lowered(l slog.Level) slog.Level {
	if l < slog.LevelWarn {
		return min(l, slog.LevelDebug)
	}
	return l
}

func (h quieter) Enabled(ctx context.Context, l slog.Level) bool {
	return h.Handler.Enabled(ctx, lowered(l))
}

func (h quieter) Handle(ctx context.Context, r slog.Record) error {
	r.Level = lowered(r.Level)
	return h.Handler.Handle(ctx, r)
}

func (h quieter) WithAttrs(attrs []slog.Attr) slog.Handler {
	return quieter{h.Handler.WithAttrs(attrs)}
}

func (h quieter) WithGroup(name string) slog.Handler { return quieter{h.Handler.WithGroup(name)} }
