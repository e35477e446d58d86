package mpspdz_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
	"time"

	"fbpeer/internal/testenv"
	"fbpeer/mpspdz"
)

func TestParseCertificatePEM(t *testing.T) {
	der := spec{}.build(t)
	one, other := certPEM(der), certPEM(spec{}.build(t))
	crlf := bytes.ReplaceAll(one, []byte("\n"), []byte("\r\n"))
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	key := keyPEM(t, ed25519Key())
	long := bytes.ReplaceAll(one, []byte("MI"), []byte("M I"))
	tests := []struct {
		name string
		file []byte
		rule string // empty: accepted
	}{
		{"as it is", one, ""},
		{"text before it", join([]byte("Certificate:\n    Data:\n"), one), ""},
		{"text after it", join(one, []byte("done\n")), ""},
		{"CRLF", crlf, ""},
		{"no final newline", bytes.TrimSpace(one), ""},
		{"BOM", join([]byte("\ufeff"), one), mpspdz.RuleBOM},
		{"UTF-16", []byte("\xff\xfe-\x00-\x00"), mpspdz.RuleBOM},
		{"DER", der, mpspdz.RuleDER},
		{"two", join(one, other), mpspdz.RuleSeveral},
		{"the same twice", join(one, one), mpspdz.RuleSeveral},
		{"a second one that is broken", join(one, long[:200], []byte("\n"), one[:100]), mpspdz.RuleNotPEM},
		{"a broken one first", join(one[:100], []byte("\n"), one), mpspdz.RuleNotPEM},
		{"cut off", one[:len(one)/2], mpspdz.RuleNotPEM},
		{"a key beside it", join(one, key), mpspdz.RuleOtherBlock},
		{"a key alone", key, mpspdz.RuleOtherBlock},
		{"OpenSSL's trusted form", bytes.ReplaceAll(one, []byte("CERTIFICATE"), []byte("TRUSTED CERTIFICATE")), mpspdz.RuleOtherBlock},
		{"nothing", nil, mpspdz.RuleNotPEM},
		{"text", []byte("hello"), mpspdz.RuleNotPEM},
		{"base64 of nothing", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE"}), mpspdz.RuleMalformed},
		{"base64 of something else", certPEM([]byte("hello")), mpspdz.RuleMalformed},
		{"bytes after the certificate", certPEM(append(bytes.Clone(der), 0)), mpspdz.RuleMalformed},
		{"a CA's", certPEM(spec{exts: [][]byte{caTrue}}.build(t)), mpspdz.RuleCA},
		{"huge", join(bytes.Repeat([]byte("text\n"), 20_000), one), mpspdz.RuleTooLarge},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, err := mpspdz.ParseCertificatePEM(test.file)
			if test.rule != "" {
				wantRule(t, err, test.rule)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(c.PEM(), one) {
				t.Error("PEM is not canonical")
			}
		})
	}
}

func TestParsePrivateKeyPEM(t *testing.T) {
	block := func(kind string, der []byte, err error) []byte {
		if err != nil {
			t.Fatal(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	}
	rsaPair := rsaA().(*rsa.PrivateKey)
	p256 := ecdsaKey(elliptic.P256())
	sec1, sec1Err := x509.MarshalECPrivateKey(p256.(*ecdsa.PrivateKey))
	ed := ed25519Key()
	parameters := block("EC PARAMETERS", []byte("\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"), nil)
	for name, test := range map[string]struct {
		file []byte
		key  crypto.Signer
	}{
		"PKCS#1":          {block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaPair), nil), rsaPair},
		"PKCS#8, RSA":     {keyPEM(t, rsaPair), rsaPair},
		"PKCS#8, P-256":   {keyPEM(t, p256), p256},
		"PKCS#8, Ed25519": {keyPEM(t, ed), ed},
		"SEC1":            {block("EC PRIVATE KEY", sec1, sec1Err), p256},
		"SEC1 after its parameters, as openssl ecparam -genkey writes": {append(parameters, block("EC PRIVATE KEY", sec1, sec1Err)...), p256},
		"CRLF": {bytes.ReplaceAll(keyPEM(t, ed), []byte("\n"), []byte("\r\n")), ed},
	} {
		t.Run(name, func(t *testing.T) {
			key, err := mpspdz.ParsePrivateKeyPEM(test.file)
			if err != nil {
				t.Fatal(err)
			}
			if err := mpspdz.CheckKeyPair(mustParse(t, spec{key: test.key}.build(t)), key); err != nil {
				t.Error(err)
			}
			wantRule(t, mpspdz.CheckKeyPair(mustParse(t, spec{}.build(t)), key), mpspdz.RuleKeyMismatch)
		})
	}
	encrypted := []byte("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\n" +
		base64.StdEncoding.EncodeToString([]byte("secret")) + "\n-----END RSA PRIVATE KEY-----\n")
	for name, test := range map[string]struct {
		file []byte
		rule string
	}{
		"encrypted PKCS#8": {block("ENCRYPTED PRIVATE KEY", []byte("x"), nil), mpspdz.RuleKeyEncrypted},
		"encrypted PKCS#1": {encrypted, mpspdz.RuleKeyEncrypted},
		"two":              {append(keyPEM(t, ed), keyPEM(t, p256)...), mpspdz.RuleSeveral},
		"a certificate":    {certPEM(spec{}.build(t)), mpspdz.RuleOtherBlock},
		"only parameters":  {parameters, mpspdz.RuleNotPEM},
		"nothing":          {nil, mpspdz.RuleNotPEM},
		"BOM":              {append([]byte("\ufeff"), keyPEM(t, ed)...), mpspdz.RuleBOM},
		"DER":              {x509.MarshalPKCS1PrivateKey(rsaPair), mpspdz.RuleDER},
		"garbage":          {block("PRIVATE KEY", []byte("x"), nil), mpspdz.RuleKeyMalformed},
		"RSA 1024":         {keyPEM(t, rsa1024()), mpspdz.RuleRSATooSmall},
		"P-384":            {keyPEM(t, ecdsaKey(elliptic.P384())), mpspdz.RuleKeyType},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := mpspdz.ParsePrivateKeyPEM(test.file)
			wantRule(t, err, test.rule)
			for _, line := range strings.Split(string(test.file), "\n") {
				if len(line) == 64 && strings.Contains(err.Error(), line) {
					t.Error("the error shows the key")
				}
			}
		})
	}
}

func TestGeneratedCertificates(t *testing.T) {
	testenv.NeedProgram(t, "openssl")
	type generator = func(component string) (certPEM, keyPEM []byte, err error)
	for name, test := range map[string]struct {
		make       generator
		phrase     string
		subject    string
		keyIDs     bool
		extensions int
	}{
		"Fed-BioMed": {func(c string) ([]byte, []byte, error) { return mpspdz.NewFedbiomedCertificate(rand.Reader, c, now) },
			"works with MP-SPDZ up to 0.4.0 (CN *)", "CN=*,O=NODE_1", false, 0},
		"plain": {func(c string) ([]byte, []byte, error) { return mpspdz.NewPartyCertificate(rand.Reader, c, now) },
			"works with every MP-SPDZ (SAN P0 and 255 more)", "CN=NODE_1,O=NODE_1", true, 6},
	} {
		t.Run(name, func(t *testing.T) {
			cert, private, err := test.make("NODE_1")
			if err != nil {
				t.Fatal(err)
			}
			c, err := mpspdz.ParseCertificatePEM(cert)
			if err != nil {
				t.Fatal(err)
			}
			key, err := mpspdz.ParsePrivateKeyPEM(private)
			if err != nil {
				t.Fatal(err)
			}
			for _, err := range []error{c.CheckSelfSigned(), c.CheckTime(now), c.CheckTime(now.Add(-59 * time.Minute)),
				c.CheckTime(now.AddDate(4, 11, 0)), mpspdz.CheckKeyPair(c, key)} {
				if err != nil {
					t.Error(err)
				}
			}
			if c.KeyType() != "RSA-2048" || c.WorksWith() != test.phrase || c.Subject() != test.subject || c.KeyIDs() != test.keyIDs ||
				len(c.X509().Extensions) != test.extensions || c.X509().SignatureAlgorithm != x509.SHA256WithRSA {
				t.Errorf("%s, %s, %s, key ids %v, %d extensions, %s", c.KeyType(), c.WorksWith(), c.Subject(), c.KeyIDs(),
					len(c.X509().Extensions), c.X509().SignatureAlgorithm)
			}
			if reason, ok := verifies(t, folderOf(t, c.DER()), c.DER()); !ok {
				t.Error(reason)
			}
			if _, _, err := test.make("../x"); err == nil {
				t.Error("a component id that is a path was accepted")
			}
		})
	}
}

func TestSignAndVerify(t *testing.T) {
	message := []byte("message")
	for name, key := range map[string]crypto.Signer{"RSA": rsaA(), "P-256": ecdsaKey(elliptic.P256()), "Ed25519": ed25519Key()} {
		t.Run(name, func(t *testing.T) {
			c := mustParse(t, spec{key: key}.build(t))
			signature, err := mpspdz.Sign(rand.Reader, key, message)
			if err != nil {
				t.Fatal(err)
			}
			for _, err := range []error{c.Verify(message, signature), mpspdz.VerifyKey(c.SPKI(), message, signature)} {
				if err != nil {
					t.Error(err)
				}
			}
			other := mustParse(t, spec{key: map[bool]crypto.Signer{true: rsaB(), false: ed25519Key()}[name == "RSA"]}.build(t))
			bad := map[string]error{
				"another message": c.Verify([]byte("messagf"), signature),
				"no message":      c.Verify(nil, signature),
				"no signature":    c.Verify(message, nil),
				"another key":     other.Verify(message, signature),
				"a longer one":    c.Verify(message, append(bytes.Clone(signature), 0)),
			}
			for i := range signature {
				flipped := bytes.Clone(signature)
				flipped[i] ^= 0x10
				bad["a flipped bit"] = c.Verify(message, flipped)
				if bad["a flipped bit"] == nil {
					break
				}
			}
			for what, err := range bad {
				if !errors.Is(err, mpspdz.ErrSignature) {
					t.Errorf("%s: %v", what, err)
				}
			}
		})
	}
	_, err := mpspdz.Sign(rand.Reader, rsa1024(), message)
	wantRule(t, err, mpspdz.RuleRSATooSmall)
	_, err = mpspdz.Sign(rand.Reader, ecdsaKey(elliptic.P384()), message)
	wantRule(t, err, mpspdz.RuleKeyType)
	wantRule(t, mpspdz.VerifyKey(rsaSPKI(8193, 65537), message, nil), mpspdz.RuleRSATooLarge)
	wantRule(t, mpspdz.VerifyKey([]byte("x"), message, nil), mpspdz.RuleKeyMalformed)
}
