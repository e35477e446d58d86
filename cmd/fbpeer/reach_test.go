package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"syscall"
	"testing"

	"fbpeer/agent"
	"fbpeer/agent/api"
)

// TestLost: what becomes of an agent during a command has an exit code and a cure.
func TestLost(t *testing.T) {
	tests := []struct {
		err  error
		code int
		says string
	}{
		{nil, exitDone, ""},
		{&url.Error{Op: "Post", URL: "http://fbpeer/trust", Err: io.EOF}, exitNotRunning, "the agent ended before it answered"},
		{fmt.Errorf("read: %w", syscall.ECONNRESET), exitNotRunning, "the agent ended before it answered"},
		{&url.Error{Op: "Get", URL: "http://fbpeer/snapshot", Err: context.DeadlineExceeded}, exitNotRunning, "does not answer"},
		{agent.ErrNotRunning, exitNotRunning, "no agent is running"},
		{&api.Error{Code: api.CodeRefused, Text: "no"}, exitFailed, "no"},
		{errors.New("something else"), exitFailed, "something else"},
	}
	for _, tt := range tests {
		err := lost(tt.err)
		if code, _ := outcome(err); code != tt.code || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%v: exit %d, %v", tt.err, code, err)
		}
	}
}

func TestAddressed(t *testing.T) {
	const prog = "fbpeer --config 'my site/fbpeer.ini'"
	tests := []struct{ text, want string }{
		{"start it: fbpeer run", "start it: " + prog + " run"},
		{"fbpeer trust forget x, or fbpeer peers", prog + " trust forget x, or " + prog + " peers"},
		{prog + " trust pending", prog + " trust pending"},
		{"ask that site's operator to read its own, from fbpeer id", "ask that site's operator to read its own, from fbpeer id"},
		{"fbpeer federation create NAME", "fbpeer federation create NAME"},
		{"fbpeer runs", "fbpeer runs"},
	}
	for _, tt := range tests {
		if got := addressed(prog, tt.text); got != tt.want {
			t.Errorf("%q: %q", tt.text, got)
		}
	}
}
