package mpspdz

import (
	"bytes"
	"encoding/pem"
)

// maxPEM bounds one's own file: a certificate with the text that openssl x509 -text writes before it, many times over.
const maxPEM = 64 << 10

// Cures for the file of a certificate.
const (
	cureBOM = "save the file without a byte order mark"
	cureDER = "convert it: openssl x509 -inform DER -in FILE -out FILE.pem"
)

var (
	pemBegin = []byte("-----BEGIN ")
	pemStart = []byte("\n-----BEGIN ")
)

// byteOrderMarks of UTF-8 and UTF-16: MP-SPDZ's OpenSSL does not find a PEM block after one.
var byteOrderMarks = [][]byte{{0xef, 0xbb, 0xbf}, {0xff, 0xfe}, {0xfe, 0xff}}

// readPEM reads every block of a file. Go skips a block that is broken and takes the next; here it is an error, since OpenSSL
// may see it otherwise. The error is a *CertificateError with one of the cures.
func readPEM(b []byte, cureBOM, cureDER, cureNone string) ([]*pem.Block, error) {
	if len(b) > maxPEM {
		return nil, &CertificateError{RuleTooLarge, "the file is larger than 64 KiB", cureNone}
	}
	for _, mark := range byteOrderMarks {
		if bytes.HasPrefix(b, mark) {
			return nil, &CertificateError{RuleBOM, "the file begins with a byte order mark, which MP-SPDZ does not accept", cureBOM}
		}
	}
	begun := bytes.Count(b, pemStart)
	if bytes.HasPrefix(b, pemBegin) {
		begun++
	}
	if begun == 0 {
		if len(b) > 2 && b[0] == 0x30 && b[1]&0x80 != 0 { // a sequence of 128 bytes or more, as every key and certificate is
			return nil, &CertificateError{RuleDER, "the file is DER, and MP-SPDZ reads PEM", cureDER}
		}
		return nil, &CertificateError{RuleNotPEM, "the file holds no PEM block", cureNone}
	}
	var blocks []*pem.Block
	for rest := b; ; {
		block, after := pem.Decode(rest)
		if block == nil {
			break
		}
		blocks, rest = append(blocks, block), after
	}
	if len(blocks) != begun {
		return nil, &CertificateError{RuleNotPEM, "a PEM block in the file is broken", cureNone}
	}
	return blocks, nil
}

// aBlock names a block for an error.
func aBlock(block *pem.Block) string { return "a block " + quote(block.Type) }
