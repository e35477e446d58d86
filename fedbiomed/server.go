package fedbiomed

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"time"
)

// serverCertificate makes the pair with which Fed-BioMed's researcher serves its nodes: as the MP-SPDZ one, but CN localhost.
func serverCertificate(random io.Reader, id string, now time.Time) (certificate, key []byte, err error) {
	private, err := rsa.GenerateKey(random, 2048)
	if err != nil {
		return nil, nil, err
	}
	serial, err := rand.Int(random, new(big.Int).Lsh(big.NewInt(1), 64))
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber:       serial.Add(serial, big.NewInt(1)), // never 0
		Subject:            pkix.Name{CommonName: "localhost", Organization: []string{id}},
		NotBefore:          now.UTC(),
		NotAfter:           now.UTC().AddDate(0, 0, 5*365),
		SignatureAlgorithm: x509.SHA256WithRSA,
	}
	der, err := x509.CreateCertificate(random, template, template, &private.PublicKey, private)
	if err != nil {
		return nil, nil, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, nil, err
	}
	certificate = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return certificate, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), nil
}
