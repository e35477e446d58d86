package config

import (
	"bytes"
	"crypto"
	"os"
	"time"

	"fbpeer/mpspdz"
)

// KeyPair is the component's MP-SPDZ certificate and key, read and checked against each other.
type KeyPair struct {
	Certificate *mpspdz.Certificate
	Key         crypto.Signer
	KeyPEM      []byte // the key file's bytes
}

// LoadKeyPair reads both files and checks them: the certificate's rules, who signed it, its time, and that the key is its own. Every
// fault is an *Error with the cure. Where the two differ, or the key changes while they are read (Fed-BioMed rewrites one after the
// other), it is ErrMismatch as well: wait and read again.
func (c *Config) LoadKeyPair(now time.Time) (KeyPair, error) {
	return c.readKeyPair(os.ReadFile, now)
}

func (c *Config) readKeyPair(readFile func(string) ([]byte, error), now time.Time) (KeyPair, error) {
	keyFile, certificateFile := c.short(c.Component.PrivateKey), c.short(c.Component.Certificate)
	var data [3][]byte // the key again after the certificate: both are of one moment if it stands still
	for i, path := range []string{c.Component.PrivateKey, c.Component.Certificate, c.Component.PrivateKey} {
		var err error
		if data[i], err = readFile(path); err != nil {
			return KeyPair{}, unreadable(c.short(path), err, "put it back, or "+renew)
		}
	}
	if !bytes.Equal(data[0], data[2]) {
		return KeyPair{}, faultf("wait until it is written", "%s is being rewritten (%w)", keyFile, ErrMismatch)
	}
	certificate, err := mpspdz.ParseLeafPEM(data[1])
	if err != nil {
		return KeyPair{}, own(certificateFile, err)
	}
	if err := c.checkSigner(certificate, now); err != nil {
		return KeyPair{}, own(certificateFile, err)
	}
	if err := certificate.CheckTime(now); err != nil {
		return KeyPair{}, own(certificateFile, err)
	}
	key, err := mpspdz.ParsePrivateKeyPEM(data[0])
	if err != nil {
		return KeyPair{}, own(keyFile, err)
	}
	if err := mpspdz.CheckKeyPair(certificate, key); err != nil {
		return KeyPair{}, faultf(c.cureMismatch(), "%s and %s: %w", keyFile, certificateFile, ErrMismatch)
	}
	return KeyPair{Certificate: certificate, Key: key, KeyPEM: data[0]}, nil
}

// cureMismatch is the cure where key and certificate differ.
func (c *Config) cureMismatch() string {
	if c.interrupted() {
		return finish
	}
	return "restore the pair, or " + renew
}

// finish is the cure for a `cert generate` that did not come to its end.
const finish = "finish it: fbpeer cert generate"

// renew is how a component gets a new pair.
const renew = "make a new pair: `fbpeer cert generate --force`"
