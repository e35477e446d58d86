package main

import (
	"crypto/rand"
	"io"
	"os"
	"time"

	"github.com/mattn/go-isatty"

	"fbpeer/agent"
)

// env is everything that the commands take from the process, so that a test can give its own.
type env struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	now            func() time.Time
	random         io.Reader
	interactive    bool   // stdin is a terminal: questions may be asked
	terminal       bool   // stderr is a terminal: progress may be redrawn
	operator       string // user@host, noted beside what was decided
}

func processEnv() env {
	return env{
		stdin:       os.Stdin,
		stdout:      os.Stdout,
		stderr:      os.Stderr,
		getenv:      os.Getenv,
		now:         time.Now,
		random:      rand.Reader,
		interactive: isatty.IsTerminal(os.Stdin.Fd()),
		terminal:    isatty.IsTerminal(os.Stderr.Fd()),
		operator:    agent.Operator(),
	}
}
