package config

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"fbpeer/internal/durable"
	"fbpeer/mpspdz"
)

// The names that a new certificate can have.
const (
	NamesFedbiomed = "fedbiomed" // Fed-BioMed's own form: CN *, O = id, no extensions; MP-SPDZ up to 0.4.0
	NamesAll       = "all"       // DNS names P0 to P255; every MP-SPDZ
)

// What PairState finds.
const (
	PairMissing     = "missing"     // neither file is there
	PairPresent     = "present"     // a file is there that a new one would replace
	PairInterrupted = "interrupted" // an earlier MakePair has put its key in place, and not yet the certificate
)

// Made is what MakePair did.
type Made struct {
	Certificate *mpspdz.Certificate
	Finished    bool     // it is the pair of an earlier run that was interrupted
	Kept        []string // where the former key and certificate are now; nil if there was no pair
}

// pairLockWait is how long another MakePair of the same component is waited for.
const pairLockWait = 10 * time.Second

// PairState says what stands where MakePair would write.
func (c *Config) PairState() string {
	if c.interrupted() && !c.placed() {
		return PairInterrupted
	}
	for _, path := range []string{c.Component.PrivateKey, c.Component.Certificate} {
		if _, err := os.Lstat(path); err == nil {
			return PairPresent
		}
	}
	return PairMissing
}

// placed reports whether the certificate of an interrupted MakePair is in its place too.
func (c *Config) placed() bool {
	staged, ok := readStaged(stagedFile(c.Component.PrivateKey))
	certificate, err := os.ReadFile(c.Component.Certificate)
	return ok && err == nil && bytes.Equal(certificate, staged.certificate)
}

// MakePair makes a new key (0600) and certificate (0644) where the configuration names them, and keeps the former pair beside them as
// <file>.old, in place of an earlier one: nothing reads these files, `openssl rehash` links none of that name, and putting them back
// undoes the change. Only with force is anything replaced. It does not wait for a running agent, which takes the pair over by itself.
//
// They are two files, and one rename cannot place both. So, each step durable before the next:
//
//  1. the new pair is written into one file, .<key>.making (0600)
//  2. where the present key and certificate are a pair: <certificate>.old is removed, <key>.old and <certificate>.old are written
//  3. the new key replaces the present one
//  4. the new certificate replaces the present one
//  5. .<key>.making is removed
//
// A crash in 1 or 2 leaves the present pair in force, and perhaps the former one's copies removed or made anew, never a mixture: the
// next run starts over. After 3 the key is new and the certificate the former: MP-SPDZ does not start with them, the agent keeps what it
// announces (ErrMismatch), and the next run finishes with the pair of step 1, force or not. After 4 all is done but for the file of
// step 1, which the next run removes, whether it then makes another pair or refuses.
//
// names is one of the Names constants. Refusals are *Error.
func (c *Config) MakePair(random io.Reader, names string, force bool, now time.Time) (Made, error) {
	return c.makePair(c.writer(func(string) error { return nil }), random, names, force, now)
}

func (c *Config) writer(step func(name string) error) pairWriter {
	return pairWriter{step: step, key: realFile(c.Component.PrivateKey), certificate: realFile(c.Component.Certificate)}
}

func (c *Config) makePair(w pairWriter, random io.Reader, names string, force bool, now time.Time) (made Made, err error) {
	if err := c.mayMakePair(w); err != nil {
		return Made{}, err
	}
	lock, err := c.lockPair()
	if err != nil {
		return Made{}, err
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	state := c.PairState()
	if c.placed() {
		if err := durable.Remove(stagedFile(w.key)); err != nil {
			return Made{}, c.notWritten(err)
		}
	}
	if state == PairPresent && !force {
		return Made{}, faultf("to replace them, and keep the present ones as .old: fbpeer cert generate --force", "%s is there already, and nothing is overwritten: %w",
			c.short(c.present()), fs.ErrExist)
	}
	staged, made, err := c.newPair(w, random, names, state, now)
	if err != nil {
		return Made{}, err
	}
	if err := w.write(staged, &made); err != nil {
		return Made{}, c.notWritten(err)
	}
	return made, c.dropUsed(w)
}

// newPair is the pair to put in place: that of an interrupted run, or one that is made now.
func (c *Config) newPair(w pairWriter, random io.Reader, names, state string, now time.Time) (staged stagedPair, made Made, err error) {
	made.Finished = state == PairInterrupted
	if made.Finished {
		staged, _ = readStaged(stagedFile(w.key))
	} else if staged, err = c.makeForm(random, names, now); err != nil {
		return stagedPair{}, Made{}, err
	}
	made.Certificate, err = mpspdz.ParseCertificatePEM(staged.certificate)
	return staged, made, err
}

// makeForm makes a pair with names of one of the Names constants.
func (c *Config) makeForm(random io.Reader, names string, now time.Time) (made stagedPair, err error) {
	form := mpspdz.NewFedbiomedCertificate
	if names == NamesAll {
		form = mpspdz.NewPartyCertificate
	}
	made.certificate, made.key, err = form(random, c.Component.ID, now)
	return made, err
}

// present is the file that a new pair would replace.
func (c *Config) present() string {
	if _, err := os.Lstat(c.Component.PrivateKey); err == nil {
		return c.Component.PrivateKey
	}
	return c.Component.Certificate
}

// mayMakePair refuses where two new files could not be written, or the component could not read them.
func (c *Config) mayMakePair(w pairWriter) error {
	if w.key == w.certificate {
		return faultf("give key and certificate a file each, in the component's configuration", "%s is named for both the private key and the certificate",
			c.short(w.key))
	}
	for _, path := range []string{w.key, w.certificate} {
		if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
			return faultf("move it away, or correct the component's configuration", "%s is no regular file", c.short(path))
		}
		if owner, foreign := foreignOwner(path); foreign {
			return faultf("sudo -u "+owner.Name+" fbpeer …", "%s belongs to %s: what root writes there the component could not read", c.short(path), owner.Name)
		}
	}
	return nil
}

// foreignOwner is the user whose file, or folder if there is no file yet, this is, where we are root and it is somebody else's.
func foreignOwner(path string) (durable.Owner, bool) {
	if _, err := os.Stat(path); err != nil {
		path = filepath.Dir(path)
	}
	return durable.ForeignOwner(path)
}

// realFile follows symbolic links, so that a link to a place for secrets stays one.
func realFile(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}

// lockPair keeps two MakePair of one component apart. The component's own lock is a running agent's.
func (c *Config) lockPair() (*durable.Lock, error) {
	folder := filepath.Dir(c.Lock)
	if err := c.makeState(folder); err != nil {
		return nil, err
	}
	path := filepath.Join(folder, c.Component.ID+".cert.lock")
	ctx, cancel := context.WithTimeout(context.Background(), pairLockWait)
	defer cancel()
	lock, err := durable.WaitLock(ctx, path)
	if errors.Is(err, durable.ErrLocked) {
		return nil, faultf("try again when it is done", "another `cert generate` of %s is at work", c.Component.ID)
	}
	if err != nil {
		return nil, unwritable(c.short(path), err)
	}
	return lock, nil
}

func (c *Config) notWritten(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return faultf("run it as the user that owns the files, where they can be written", "key and certificate cannot be written: %w", err)
	}
	return fmt.Errorf("key and certificate: %w; the same command goes on from there", err)
}
