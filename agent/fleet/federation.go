package fleet

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"fbpeer/agent"
	"fbpeer/agent/api"
	"fbpeer/config"
	"fbpeer/exchange"
	"fbpeer/fedbiomed"
	"fbpeer/internal/durable"
)

// federationName is the name that development federations have.
const federationName = "dev"

// formerSuffix ends the name under which the federation file stays that another one took the place of.
const formerSuffix = ".old"

// ReadFederation reads a development federation file. Another one is refused with a *config.Error: dev approves everybody in it.
func ReadFederation(path string) (f exchange.Federation, data []byte, err error) {
	data, err = os.ReadFile(path)
	if err != nil {
		return f, nil, &config.Error{Err: fmt.Errorf("the federation file cannot be read: %w", err),
			Hint: "copy it from the machine that made it; without --federation, dev makes one of its own"}
	}
	if f, _, err = config.ParseFederation(path, data); err != nil {
		return f, nil, err
	}
	if !f.Development() {
		return f, nil, &config.Error{
			Err:  fmt.Errorf("%s is not marked as development, and dev approves everybody in its federation without asking", path),
			Hint: "leave --federation out: dev makes a file of its own; for a federation of several operators: fbpeer run"}
	}
	return f, data, nil
}

// federationFile is where the root keeps the development federation that its agents are in.
func (f *fleet) federationFile() string {
	return filepath.Join(f.folder(), federationName+".federation")
}

// takeFederation makes the root's development federation, once, or takes the one that was given in its place.
func (f *fleet) takeFederation(ctx context.Context) error {
	path := f.federationFile()
	if f.config.Federation != "" {
		if err := f.adopt(ctx, f.config.Federation, path); err != nil {
			return err
		}
	} else if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		random := f.config.Options.Random
		if random == nil {
			random = rand.Reader
		}
		if err := config.CreateFederation(random, path, federationName, nil, true); err != nil {
			return err
		}
	}
	federation, _, err := ReadFederation(path)
	if err == nil && f.config.Starting != nil {
		f.config.Starting(path, federation.Name())
	}
	return err
}

// adopt puts a given federation file in the place of the root's own. Another federation's is kept beside it, after everybody who was
// approved there by a fleet is forgotten: their rows and files could not be told from those of strangers later. A crash before the file
// is replaced leaves the former federation, in which they approve each other again.
func (f *fleet) adopt(ctx context.Context, given, path string) error {
	federation, data, err := ReadFederation(given)
	if err != nil {
		return err
	}
	present, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return durable.WriteFile(path, data, 0o600)
	case err != nil:
		return &config.Error{Err: err, Hint: "make that file readable"}
	case bytes.Equal(present, data):
		return nil
	}
	if former, _, err := config.ParseFederation(path, present); err != nil || former.ID() != federation.ID() {
		f.forgetAll(ctx)
		if err := durable.WriteFile(path+formerSuffix, present, 0o600); err != nil {
			return err
		}
	}
	return durable.WriteFile(path, data, 0o600)
}

// forgetAll forgets, in the stores of all components, whom a fleet approved.
func (f *fleet) forgetAll(ctx context.Context) {
	files, _, err := fedbiomed.Find(f.root)
	if err != nil {
		return
	}
	for _, file := range files {
		if err := f.forgetAt(ctx, file); err != nil && ctx.Err() == nil {
			f.log.Warn().Err(err).Str("file", file).Msg("whom it approved in its former federation could not be forgotten")
		}
	}
}

func (f *fleet) forgetAt(ctx context.Context, file string) error {
	c, err := f.loadOne(file)
	if err != nil {
		return err
	}
	if _, err := os.Stat(c.State); err != nil {
		return nil // it has not run yet
	}
	stores, err := agent.Open(ctx, c, f.config.Options)
	if err != nil {
		return err
	}
	s, err := stores.Snapshot(ctx)
	if err != nil {
		return err
	}
	for _, p := range s.Peers {
		if p.ApprovedBy != Approver {
			continue
		}
		if _, err := stores.Trust(ctx, api.TrustRequest{Action: api.ActionForget, Component: p.Component, PeerID: p.PeerID, By: Approver}); err != nil {
			return err
		}
	}
	return nil
}
