package config

import (
	"bytes"
	"encoding/pem"
	"os"
	"path/filepath"

	"fbpeer/internal/durable"
	"fbpeer/mpspdz"
)

// pairWriter writes the two files; step is called before each step.
type pairWriter struct {
	step             func(name string) error
	key, certificate string // absolute
}

// former is where the former file of a path is kept. The ending matters: OpenSSL's rehash links .pem, .crt, .cer and .crl only, so that
// nothing is trusted again where the files stand in a folder of player files.
func former(path string) string { return path + ".old" }

func (w pairWriter) write(staged stagedPair, made *Made) error {
	key, _ := os.ReadFile(w.key)
	certificate, _ := os.ReadFile(w.certificate)
	for _, path := range []string{w.key, w.certificate} {
		if err := w.do("make folder", func() error { return durable.MkdirAll(filepath.Dir(path), 0o755) }); err != nil {
			return err
		}
	}
	steps := []step{{"stage", func() error { return durable.WriteFile(stagedFile(w.key), staged.file(), 0o600) }}}
	if made.Finished && w.keptFormer() {
		made.Kept = []string{former(w.key), former(w.certificate)}
	}
	if isPair(key, certificate) {
		made.Kept = []string{former(w.key), former(w.certificate)}
		steps = append(steps,
			step{"forget", func() error { return durable.Remove(former(w.certificate)) }},
			step{"keep key", func() error { return durable.WriteFile(former(w.key), key, 0o600) }},
			step{"keep certificate", func() error { return durable.WriteFile(former(w.certificate), certificate, 0o644) }})
	}
	steps = append(steps,
		step{"key", func() error { return durable.WriteFile(w.key, staged.key, 0o600) }},
		step{"certificate", func() error { return durable.WriteFile(w.certificate, staged.certificate, 0o644) }},
		step{"done", func() error { return durable.Remove(stagedFile(w.key)) }})
	for _, s := range steps {
		if err := w.do(s.name, s.do); err != nil {
			return err
		}
	}
	return nil
}

// keptFormer reports whether an earlier run has kept a pair.
func (w pairWriter) keptFormer() bool {
	key, keyErr := os.ReadFile(former(w.key))
	certificate, err := os.ReadFile(former(w.certificate))
	return keyErr == nil && err == nil && isPair(key, certificate)
}

type step struct {
	name string
	do   func() error
}

func (w pairWriter) do(name string, write func() error) error {
	if err := w.step(name); err != nil {
		return err
	}
	return write()
}

// isPair reports whether two files are a certificate and its key, whatever else is wrong with them.
func isPair(key, certificate []byte) bool {
	c, err := mpspdz.ParseLeafPEM(certificate)
	if err != nil {
		return false
	}
	k, err := mpspdz.ParsePrivateKeyPEM(key)
	return err == nil && mpspdz.CheckKeyPair(c, k) == nil
}

// stagedPair is a new pair on its way: the bytes of its two files.
type stagedPair struct{ key, certificate []byte }

// stagedFile holds a new pair until both of its files stand. The dot keeps it from whoever lists the folder.
func stagedFile(key string) string {
	folder, name := filepath.Split(realFile(key))
	return filepath.Join(folder, "."+name+".making")
}

func (p stagedPair) file() []byte { return append(bytes.Clone(p.key), p.certificate...) }

func readStaged(path string) (p stagedPair, ok bool) {
	data, err := os.ReadFile(path)
	if err != nil {
		return p, false
	}
	return parseStaged(data)
}

// parseStaged takes only what MakePair and StagePair write: one key and one certificate, which fit.
func parseStaged(data []byte) (p stagedPair, ok bool) {
	block, certificate := pem.Decode(data)
	if block == nil {
		return p, false
	}
	p = stagedPair{key: data[:len(data)-len(certificate)], certificate: certificate}
	return p, isPair(p.key, p.certificate)
}
