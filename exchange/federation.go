package exchange

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
)

// SecretSize is the length of a federation's secret in bytes.
const SecretSize = 32

// Lengths, in bytes before encoding, of what is derived from the secret. The id is 32 base 32 characters; the mDNS label is
// "fbpeer-" and 8 of them, 15 in all, the most that RFC 6335 allows in a service name.
const (
	pskSize  = 32
	idSize   = 20
	mdnsSize = 5
)

// Federation is what the values of a federation file mean: everything that members derive from the name and the secret.
// Two federations are the same one if their IDs are equal. Immutable; the zero value is no federation: nothing opens or
// seals in it.
//
// The secret hides the network, it is not the trust: whoever holds it can announce, and each operator's list decides.
type Federation struct {
	name        string
	development bool
	id          string
	mdns        string
	psk         [pskSize]byte
}

// NewFederation derives a federation from its name (1 to 64 ASCII letters, digits, '.', '_' and '-', the first a letter
// or a digit) and its secret (SecretSize bytes) with HKDF-SHA256, the name as salt, and one label for each value
// (docs/announcement.md, "Federation"). A development federation has labels of its own: with the same name and secret
// it never meets a production one.
func NewFederation(name string, secret []byte, development bool) (Federation, error) {
	if err := checkFederationName(name); err != nil {
		return Federation{}, err
	}
	if len(secret) != SecretSize {
		return Federation{}, fmt.Errorf("federation secret has %d bytes, %d are needed", len(secret), SecretSize)
	}
	f := Federation{name: name, development: development}
	values := make(map[string][]byte, 3)
	for label, size := range map[string]int{"psk": pskSize, "id": idSize, "mdns": mdnsSize} {
		value, err := hkdf.Key(sha256.New, secret, []byte(name), derivationInfo(label, development), size)
		if err != nil {
			return Federation{}, fmt.Errorf("federation %s: %w", label, err)
		}
		values[label] = value
	}
	copy(f.psk[:], values["psk"])
	f.id = lowerBase32().EncodeToString(values["id"])
	f.mdns = "_fbpeer-" + lowerBase32().EncodeToString(values["mdns"]) + "._udp"
	return f, nil
}

// Name is the federation's name, for people. It is never on the wire.
func (f Federation) Name() string { return f.name }

// Development says whether the federation file is marked as made for development.
func (f Federation) Development() bool { return f.development }

// ID is 32 characters of a-z and 2-7: safe in a topic, in a path and in a DNS label.
func (f Federation) ID() string { return f.id }

// PSK is the 32-byte key of the libp2p private network.
func (f Federation) PSK() []byte { return append([]byte(nil), f.psk[:]...) }

// MDNS is the mDNS service name, as libp2p's mdns takes it: "_fbpeer-" and 8 base 32 characters, then "._udp". Two
// federations whose 40 bits are equal find each other, and fail to connect.
func (f Federation) MDNS() string { return f.mdns }

// String is the name and the id. It keeps the secret's values out of logs.
func (f Federation) String() string { return f.name + " (" + f.id + ")" }

// GoString is String, so that no print verb shows the network key.
func (f Federation) GoString() string { return "exchange.Federation(" + f.String() + ")" }

func derivationInfo(label string, development bool) string {
	if development {
		return "fbpeer/1/development/" + label
	}
	return "fbpeer/1/" + label
}

func lowerBase32() *base32.Encoding {
	return base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)
}

func checkFederationName(name string) error {
	if name == "" {
		return errors.New("federation name is empty")
	}
	if len(name) > 64 {
		return fmt.Errorf("federation name has %d characters, at most 64 are allowed", len(name))
	}
	for i, c := range []byte(name) {
		alphanumeric := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alphanumeric && (i == 0 || c != '.' && c != '_' && c != '-') {
			return fmt.Errorf("federation name \"%s\": use letters, digits, '.', '_' and '-', a letter or digit first", ShowText(name))
		}
	}
	return nil
}
