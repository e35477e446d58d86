package exchange

import (
	"crypto/rand"
	"crypto/sha256"
	"slices"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/tyler-smith/go-bip39"
	"github.com/tyler-smith/go-bip39/wordlists"

	"fbpeer/mpspdz"
)

func TestFingerprintBytes(t *testing.T) {
	want := Fingerprint(sha256.Sum256([]byte("fbpeer-fingerprint-v1\x00\x00\x03abcKEY")))
	if got := NewFingerprint(peer.ID("abc"), []byte("KEY")); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if NewFingerprint("ab", []byte("cKEY")) == want {
		t.Error("a byte moved from the peer id to the key gives the same fingerprint")
	}
}

// TestNextFingerprintBytes: of a key to come only the hash is known; what is read of it is never what is read of the key in use.
func TestNextFingerprintBytes(t *testing.T) {
	next := mpspdz.Hash(sha256.Sum256([]byte("KEY")))
	want := Fingerprint(sha256.Sum256(append([]byte("fbpeer-next-fingerprint-v1\x00\x00\x03abc"), next[:]...)))
	if got := NewNextFingerprint(peer.ID("abc"), next); got != want || got == NewFingerprint(peer.ID("abc"), []byte("KEY")) || got == NewFingerprint(peer.ID("abc"), next[:]) {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestWords holds our bit arithmetic against the BIP 39 library: 128 bits of entropy begin with the words of their
// first 88 bits.
func TestWords(t *testing.T) {
	for range 200 {
		var f Fingerprint
		if _, err := rand.Read(f[:]); err != nil {
			t.Fatal(err)
		}
		mnemonic, err := bip39.NewMnemonic(f[:16])
		if err != nil {
			t.Fatal(err)
		}
		if want := strings.Fields(mnemonic)[:8]; !slices.Equal(f.Words(), want) {
			t.Fatalf("%x: got %v, want %v", f, f.Words(), want)
		}
	}
	if !slices.IsSorted(wordlists.English) {
		t.Error("the list is not in order: Matches searches it by halves")
	}
}

func TestMatches(t *testing.T) {
	var f Fingerprint
	for i := range f {
		f[i] = byte(i * 37)
	}
	words := f.Words()
	same := []string{
		f.String(),
		strings.TrimPrefix(f.String(), "SHA256:"),
		"  " + f.String() + "\n",
		strings.Join(words, " "),
		strings.ToUpper(strings.Join(words, "-")),
		strings.Join(words, ", "),
	}
	for _, s := range same {
		if ok, err := f.Matches(s); !ok || err != nil {
			t.Errorf("%q: %v, %v", s, ok, err)
		}
	}
	other := f
	other[0] ^= 1
	swapped := slices.Clone(words)
	swapped[0], swapped[1] = swapped[1], swapped[0]
	for _, s := range []string{other.String(), strings.Join(other.Words(), " "), strings.Join(swapped, " ")} {
		if ok, err := f.Matches(s); ok || err != nil {
			t.Errorf("%q: %v, %v; want false, nil", s, ok, err)
		}
	}
	last := other
	last[0] ^= 1
	last[31] ^= 1
	if ok, err := f.Matches(last.String()); ok || err != nil {
		t.Errorf("only the last byte differs: %v, %v", ok, err)
	}
	for s, want := range map[string]string{
		"":                                    "all eight words",
		"yes":                                 "all eight words",
		f.String()[:30]:                       "43 characters",
		f.String() + "A":                      "43 characters",
		strings.Join(words[:7], " "):          "all eight words",
		strings.Join(words, " ") + " abandon": "all eight words",
		strings.Join(append(slices.Clone(words[:7]), "xyzzy\x1b"), " "): `xyzzy\x1b`,
	} {
		if ok, err := f.Matches(s); ok || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v; want an error with %q", s, ok, err, want)
		}
	}
	// Trailing bits that are not zero: another spelling of the same 32 bytes is not a fingerprint.
	spelled := []byte(f.String())
	spelled[len(spelled)-1]++
	if ok, err := f.Matches(string(spelled)); ok || err == nil {
		t.Errorf("%s: %v, %v", spelled, ok, err)
	}
}
