package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"fbpeer/agent/api"
	"fbpeer/config"
	"fbpeer/internal/durable"
)

const (
	dialPoll     = 20 * time.Millisecond // while a starting agent's socket is waited for
	requestLimit = time.Minute           // of one request and its answer
	maxAnswer    = 64 << 20
)

// client talks to a running agent.
type client struct {
	http *http.Client
}

// Dial reaches the running agent of this component. The error is ErrNotRunning if there is none; an agent that holds its lock
// but has no socket yet is waited for, 5 s.
func Dial(ctx context.Context, c *config.Config) (Controller, error) {
	s := store{dir: c.State}
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	poll := time.NewTicker(dialPoll)
	defer poll.Stop()
	for {
		conn, path, err := s.connect(ctx)
		if err == nil {
			_ = conn.Close()
			return newClient(path), nil
		}
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ECONNREFUSED) {
			return nil, fmt.Errorf("the agent cannot be reached: %w", err)
		}
		if !durable.Held(s.path(fileLock)) {
			return nil, ErrNotRunning
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: its lock is held%s, but nothing answers", ErrNotRunning, durable.Holder(s.path(fileLock)))
		case <-poll.C:
		}
	}
}

// connect opens the socket that the state folder names, if only we can have made it, or, for root, the user whose state folder it is.
func (s store) connect(ctx context.Context) (net.Conn, string, error) {
	data, err := os.ReadFile(s.path(fileSocket))
	if err != nil {
		return nil, "", err
	}
	path := strings.TrimSuffix(string(data), "\n")
	owners := []int{os.Geteuid()}
	if owner, foreign := durable.ForeignOwner(s.dir); foreign {
		owners = append(owners, owner.UID)
	}
	if err := checkPrivate(filepath.Dir(path), owners...); err != nil {
		return nil, "", err
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", path)
	return conn, path, err
}

func newClient(path string) *client {
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var dialer net.Dialer
			return dialer.DialContext(ctx, "unix", path)
		},
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: 8 << 10,
	}
	return &client{http: &http.Client{Transport: transport, Timeout: requestLimit}}
}

// Snapshot asks for the present state.
func (c *client) Snapshot(ctx context.Context) (api.Snapshot, error) {
	var s api.Snapshot
	err := c.do(ctx, http.MethodGet, api.PathSnapshot, nil, &s)
	return s, err
}

// Trust asks for one edit; the answer comes after files and rows are written. The error is *api.Error unless the agent went away.
func (c *client) Trust(ctx context.Context, r api.TrustRequest) (api.TrustResult, error) {
	return ask[api.TrustResult](ctx, c, api.PathTrust, r)
}

// Call asks for the state after a roll call.
func (c *client) Call(ctx context.Context) (api.Snapshot, error) {
	return ask[api.Snapshot](ctx, c, api.PathCall, struct{}{})
}

// Ready asks whether a set may run.
func (c *client) Ready(ctx context.Context, sel api.SetSelector) (api.Ready, error) {
	return ask[api.Ready](ctx, c, api.PathReady, sel)
}

// Parties asks for a whole set.
func (c *client) Parties(ctx context.Context, sel api.SetSelector) (api.PartySet, error) {
	return ask[api.PartySet](ctx, c, api.PathParties, sel)
}

// Sets asks for a change of a named set.
func (c *client) Sets(ctx context.Context, r api.SetRequest) (api.SetResult, error) {
	return ask[api.SetResult](ctx, c, api.PathSets, r)
}

// Probe asks for the ports to be tried.
func (c *client) Probe(ctx context.Context, r api.ProbeRequest) (api.Probe, error) {
	return ask[api.Probe](ctx, c, api.PathProbe, r)
}

// Notify asks for a test of the notification command.
func (c *client) Notify(ctx context.Context, r api.NotifyRequest) (api.NotifyResult, error) {
	return ask[api.NotifyResult](ctx, c, api.PathNotify, r)
}

// Registry asks for the party registry, and has it brought up to date if the request says so.
func (c *client) Registry(ctx context.Context, r api.RegistryRequest) (api.Registry, error) {
	return ask[api.Registry](ctx, c, api.PathRegistry, r)
}

// Approve asks for several approvals, all or none.
func (c *client) Approve(ctx context.Context, r api.ApproveRequest) (api.ApproveResult, error) {
	return ask[api.ApproveResult](ctx, c, api.PathApprove, r)
}

// Export asks for this component's card.
func (c *client) Export(ctx context.Context, r api.ExportRequest) (api.Card, error) {
	return ask[api.Card](ctx, c, api.PathExport, r)
}

// Import asks for cards to be taken over, all or none.
func (c *client) Import(ctx context.Context, r api.ImportRequest) (api.ImportResult, error) {
	return ask[api.ImportResult](ctx, c, api.PathImport, r)
}

// ask posts a request.
func ask[Answer, Request any](ctx context.Context, c *client, path string, r Request) (a Answer, err error) {
	body, err := json.Marshal(r)
	if err != nil {
		return a, err
	}
	err = c.do(ctx, http.MethodPost, path, body, &a)
	return a, err
}

func (c *client) do(ctx context.Context, method, path string, body []byte, into any) error {
	request, err := http.NewRequestWithContext(ctx, method, "http://fbpeer"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	response, err := c.http.Do(request)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
			return ErrNotRunning
		}
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return err
	}
	if response.StatusCode == http.StatusOK {
		return json.Unmarshal(answer, into)
	}
	var fault api.Error
	if err := json.Unmarshal(answer, &fault); err != nil || fault.Code == "" {
		return fmt.Errorf("the agent answered %s", response.Status)
	}
	return &fault
}

// Open is Dial, or else the stores: reading takes no lock and creates nothing, and what writes there takes the lock for that alone.
func Open(ctx context.Context, c *config.Config, o Options) (Controller, error) {
	running, err := Dial(ctx, c)
	if err == nil || !errors.Is(err, ErrNotRunning) {
		return running, err
	}
	return &offline{config: c, options: o.withDefaults()}, nil
}
