package config

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"fbpeer/internal/durable"
	"fbpeer/mpspdz"
)

// nextFile is the name of a staged pair in the state folder.
const nextFile = "next.pem"

// NextFile is where StagePair puts a pair: private key and certificate in one file (0600), so that it is staged whole or not at all.
func (c *Config) NextFile() string { return filepath.Join(c.State, nextFile) }

// LoadNext is the certificate of the staged pair, nil if none is staged. A file that ActivatePair has not yet removed counts as none: its
// key is the present one. What is staged but cannot be used is an *Error.
func (c *Config) LoadNext() (*mpspdz.Certificate, error) {
	certificate, _, err := c.readNext()
	if err != nil || certificate == nil || c.inUse(certificate) {
		return nil, err
	}
	return certificate, nil
}

// ReadNext is the certificate that stands staged, be it in use already; nil if none does.
func (c *Config) ReadNext() (*mpspdz.Certificate, error) {
	certificate, _, err := c.readNext()
	return certificate, err
}

// readNext reads what is staged.
func (c *Config) readNext() (*mpspdz.Certificate, stagedPair, error) {
	path := c.NextFile()
	const cure = "drop it: fbpeer cert generate --next --discard; or replace it: fbpeer cert generate --next --force"
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, stagedPair{}, nil
	}
	if err != nil {
		return nil, stagedPair{}, unreadable(c.short(path), err, cure)
	}
	pair, ok := parseStaged(data)
	if !ok {
		return nil, stagedPair{}, faultf(cure, "%s is not a staged key and its certificate", c.short(path))
	}
	certificate, err := mpspdz.ParseCertificatePEM(pair.certificate)
	if err == nil {
		err = certificate.CheckSelfSigned()
	}
	if err != nil {
		return nil, stagedPair{}, faultf(cure, "%s: %w", c.short(path), err)
	}
	return certificate, pair, nil
}

// inUse says whether the present certificate has the key of this one. It may be another one of that key: an authority signed it.
func (c *Config) inUse(staged *mpspdz.Certificate) bool {
	data, err := os.ReadFile(c.Component.Certificate)
	if err != nil {
		return false
	}
	present, err := mpspdz.ParseLeafPEM(data)
	return err == nil && present.KeySHA256() == staged.KeySHA256()
}

// StagePair makes a key and certificate that will follow the present ones, and stages them in the state folder: nothing uses them until
// ActivatePair, but a running agent announces the key's hash. Only with force is a staged pair replaced. names is one of the Names
// constants. Refusals are *Error.
func (c *Config) StagePair(random io.Reader, names string, force bool, now time.Time) (certificate *mpspdz.Certificate, err error) {
	return c.stagePair(c.writer(func(string) error { return nil }), random, names, force, now)
}

func (c *Config) stagePair(w pairWriter, random io.Reader, names string, force bool, now time.Time) (certificate *mpspdz.Certificate, err error) {
	err = c.lockingNext(func() error {
		switch staged, err := c.LoadNext(); {
		case force:
		case err != nil:
			return err
		case staged != nil:
			return faultf("to make another one, which must be approved ahead anew: fbpeer cert generate --next --force",
				"a key is staged already, and nothing is overwritten: %w", fs.ErrExist)
		}
		pair, err := c.makeForm(random, names, now)
		if err != nil {
			return err
		}
		if certificate, err = mpspdz.ParseCertificatePEM(pair.certificate); err != nil {
			return err
		}
		if err := w.do("stage next", func() error { return durable.WriteFile(c.NextFile(), pair.file(), 0o600) }); err != nil {
			return c.notWritten(err)
		}
		return nil
	})
	return certificate, err
}

// DiscardNext drops the staged pair. It says whether there was one, usable or not.
func (c *Config) DiscardNext() (dropped bool, err error) {
	if _, err := os.Lstat(c.NextFile()); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	err = c.lockingNext(func() error {
		staged, loadErr := c.LoadNext()
		dropped = staged != nil || loadErr != nil
		return c.notWritten(durable.Remove(c.NextFile()))
	})
	return dropped, err
}

// ActivatePair puts the staged pair where the configuration names key and certificate, in the steps of MakePair, which keeps the former
// pair as .old, and then removes the staged file. A crash in between is finished by ActivatePair again, and by MakePair; what it leaves is
// what MakePair would, and perhaps the staged file beside the pair that is in use. Refusals are *Error.
func (c *Config) ActivatePair(now time.Time) (Made, error) {
	return c.activatePair(c.writer(func(string) error { return nil }), now)
}

func (c *Config) activatePair(w pairWriter, now time.Time) (made Made, err error) {
	if err := c.mayMakePair(w); err != nil {
		return Made{}, err
	}
	err = c.lockingNext(func() error {
		pair, err := c.toActivate(&made, now)
		switch {
		case err != nil:
			return err
		case c.inUse(made.Certificate): // nothing is left but to tidy up
			err = w.do("done", func() error { return durable.Remove(stagedFile(w.key)) })
		default:
			err = w.write(pair, &made)
		}
		if err != nil {
			return c.notWritten(err)
		}
		return c.dropUsed(w)
	})
	return made, err
}

// toActivate is the pair to put in place.
func (c *Config) toActivate(made *Made, now time.Time) (pair stagedPair, err error) {
	if made.Certificate, pair, err = c.readNext(); err != nil {
		return pair, err
	}
	if c.PairState() == PairInterrupted {
		begun, _ := readStaged(stagedFile(c.Component.PrivateKey))
		if made.Certificate == nil || !bytes.Equal(begun.key, pair.key) {
			return pair, faultf(finish, "a `cert generate` was interrupted between key and certificate, and comes first")
		}
		made.Finished = true
		return pair, nil
	}
	if made.Certificate == nil {
		return pair, faultf("make a key that the others can approve ahead: fbpeer cert generate --next", "no key is staged for %s", c.Component.ID)
	}
	if made.Finished = c.inUse(made.Certificate); made.Finished {
		made.Kept = c.FormerPair()
		return pair, nil
	}
	if err := made.Certificate.CheckTime(now); err != nil {
		return pair, faultf("make another one: fbpeer cert generate --next --force", "the staged certificate: %w", err)
	}
	return pair, nil
}

// ActivationBegun says whether an earlier ActivatePair was interrupted, so that the pair on disk is the staged one, in part or in whole.
func (c *Config) ActivationBegun() bool {
	staged, pair, err := c.readNext()
	if err != nil || staged == nil {
		return false
	}
	begun, ok := readStaged(stagedFile(c.Component.PrivateKey))
	return c.inUse(staged) || ok && c.PairState() == PairInterrupted && bytes.Equal(begun.key, pair.key)
}

// dropUsed removes the staged file where its key is in use now.
func (c *Config) dropUsed(w pairWriter) error {
	staged, _, err := c.readNext()
	if err != nil || staged == nil || !c.inUse(staged) {
		return nil
	}
	if err := w.do("unstage", func() error { return durable.Remove(c.NextFile()) }); err != nil {
		return c.notWritten(err)
	}
	return nil
}

// lockingNext does something to the staged pair while no other command does.
func (c *Config) lockingNext(do func() error) (err error) {
	if owner, foreign := durable.ForeignOwner(c.State); foreign {
		return faultf("sudo -u "+owner.Name+" fbpeer …", "the state folder %s belongs to %s: what root writes there its agent could not read", c.short(c.State), owner.Name)
	}
	if err := c.makeState(c.State); err != nil {
		return err
	}
	lock, err := c.lockPair()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	return do()
}
