package discovery

import (
	"log/slog"

	"github.com/libp2p/go-libp2p/gologshim"
	"github.com/rs/zerolog"
)

// BridgeLogs sends what libp2p (through slog) and its mDNS library (through the standard log package) write to log instead of to
// standard error. libp2p takes a process-wide handler only, and each of its parts keeps the one that it finds at its first line:
// call this once, in main, before the first host is made. It also becomes slog's default, which GossipSub uses. The level of log
// bounds what is written; libp2p's own choice without a bridge is error.
func BridgeLogs(log zerolog.Logger) {
	handler := zerolog.NewSlogHandler(log)
	gologshim.SetDefaultHandler(handler)
	slog.SetDefault(slog.New(handler))
}
