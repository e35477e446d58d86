package mpspdz

import (
	"bytes"
	"crypto/sha1" // OpenSSL's subject-name hash; nothing is trusted by it
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

const oidCommonName = "\x55\x04\x03" // 2.5.4.3

// The string types that a name may be made of; Go's parser accepts no others.
const (
	tagUTF8      = asn1.UTF8String
	tagNumeric   = asn1.Tag(18)
	tagPrintable = asn1.PrintableString
	tagT61       = asn1.T61String
	tagIA5       = asn1.IA5String
	tagBMP       = asn1.Tag(30)
)

// name is an X.501 Name: relative distinguished names in their order, each a set of attributes.
type name [][]attribute

// attribute is one type and value as encoded; text is the value as UTF-8 (ASN1_STRING_to_UTF8 of OpenSSL).
type attribute struct {
	oid  string // content bytes
	tag  asn1.Tag
	raw  []byte
	text string
}

// readName reads a DER Name. The error is a *CertificateError.
func readName(der []byte) (name, error) {
	input := cryptobyte.String(der)
	var list cryptobyte.String
	if !input.ReadASN1(&list, asn1.SEQUENCE) || !input.Empty() {
		return nil, malformed("a name in it is malformed")
	}
	var n name
	for !list.Empty() {
		var set cryptobyte.String
		if !list.ReadASN1(&set, asn1.SET) || set.Empty() {
			return nil, malformed("a name in it is malformed")
		}
		var attributes []attribute
		for !set.Empty() {
			var pair, oid, raw cryptobyte.String
			var tag asn1.Tag
			if !set.ReadASN1(&pair, asn1.SEQUENCE) || !pair.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) ||
				!pair.ReadAnyASN1(&raw, &tag) || !pair.Empty() {
				return nil, malformed("a name in it is malformed")
			}
			text, ok := stringText(tag, raw)
			if !ok {
				return nil, &CertificateError{RuleSubject,
					fmt.Sprintf("a name in the certificate has a malformed string, or one of an unknown type (tag %d)", tag), cureNew}
			}
			attributes = append(attributes, attribute{string(oid), tag, raw, text})
		}
		n = append(n, attributes)
	}
	return n, nil
}

// stringText converts a string to UTF-8. T61String is read as Latin-1, as OpenSSL and Go do.
func stringText(tag asn1.Tag, raw []byte) (string, bool) {
	switch tag {
	case tagUTF8:
		return string(raw), utf8.Valid(raw)
	case tagNumeric, tagPrintable, tagIA5, tagT61:
		runes := make([]rune, len(raw))
		for i, b := range raw {
			runes[i] = rune(b)
		}
		return string(runes), true
	case tagBMP:
		if len(raw)%2 != 0 {
			return "", false
		}
		runes := make([]rune, len(raw)/2)
		for i := range runes {
			runes[i] = rune(binary.BigEndian.Uint16(raw[2*i:]))
			if !utf8.ValidRune(runes[i]) {
				return "", false // half of a surrogate pair: builds of OpenSSL disagree
			}
		}
		return string(runes), true
	}
	return "", false
}

// canonical is OpenSSL's canonical encoding of a name (x509_name_canon in crypto/x509/x_name.c): the encodings of the sets one
// after another, without the outer sequence; every string but a NumericString as UTF-8, its ASCII letters in lower case, its
// white space trimmed and collapsed; sets sorted anew.
func (n name) canonical() string {
	var all []byte
	for _, attributes := range n {
		encoded := make([][]byte, len(attributes))
		for i, a := range attributes {
			encoded[i] = a.canonical()
		}
		slices.SortFunc(encoded, bytes.Compare)
		all = appendElement(all, asn1.SET, bytes.Join(encoded, nil))
	}
	return string(all)
}

func (a attribute) canonical() []byte {
	tag, value := tagUTF8, canonicalText(a.text)
	if a.tag == tagNumeric { // not in OpenSSL's ASN1_MASK_CANON: copied as it is
		tag, value = a.tag, a.raw
	}
	pair := appendElement(nil, asn1.OBJECT_IDENTIFIER, []byte(a.oid))
	return appendElement(nil, asn1.SEQUENCE, appendElement(pair, tag, value))
}

// appendElement appends a DER element of less than 64 KiB, which is more than any certificate has. It is some times faster
// than a cryptobyte.Builder, and every announcement's certificate passes here.
func appendElement(b []byte, tag asn1.Tag, content []byte) []byte {
	b = append(b, byte(tag))
	switch n := len(content); {
	case n < 0x80:
		b = append(b, byte(n))
	case n < 0x100:
		b = append(b, 0x81, byte(n))
	default:
		b = append(b, 0x82, byte(n>>8), byte(n))
	}
	return append(b, content...)
}

// canonicalText works on bytes: everything that is not ASCII stays as it is (asn1_string_canon).
func canonicalText(s string) []byte {
	const space = " \t\n\v\f\r"
	b := make([]byte, 0, len(s))
	s = strings.Trim(s, space)
	for i := range len(s) {
		switch c := s[i]; {
		case strings.IndexByte(space, c) < 0:
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			b = append(b, c)
		case strings.IndexByte(space, s[i-1]) < 0: // the first of a run; never at the start, which is trimmed
			b = append(b, ' ')
		}
	}
	return b
}

// subjectHash is X509_NAME_hash: the first four bytes, little-endian, of the SHA-1 of the canonical encoding.
func subjectHash(canonical string) string {
	sum := sha1.Sum([]byte(canonical))
	return fmt.Sprintf("%08x", binary.LittleEndian.Uint32(sum[:4]))
}

// maxShownName is how many bytes of a name are shown. Otherwise a stranger could fill a terminal with the 8 KiB of a certificate, and
// still have an approved component's subject in canonical form, where a run of spaces is one.
const maxShownName = 256

// String is the name in the order of its encoding, "CN=*,O=NODE_1": RFC 4514 escapes, and \XX for what is not printable; of a longer
// one the first maxShownName bytes, at most, and "…".
func (n name) String() string {
	text := n.text()
	if len(text) <= maxShownName {
		return text
	}
	return strings.ToValidUTF8(text[:maxShownName], "") + "…"
}

func (n name) text() string {
	var b strings.Builder
	for i, attributes := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		for j, a := range attributes {
			if j > 0 {
				b.WriteByte('+')
			}
			b.WriteString(attributeName(a.oid) + "=" + attributeText(a.text))
		}
	}
	return b.String()
}

// attributeText escapes a value as RFC 4514, section 2.4, with a leading '#' or space and a final space.
func attributeText(s string) string {
	text := escape(s, `,+"\<>;=`)
	if strings.HasPrefix(text, "#") || strings.HasPrefix(text, " ") {
		text = `\` + text
	}
	if strings.HasSuffix(text, " ") && text != `\ ` {
		text = text[:len(text)-1] + `\ `
	}
	return text
}

// attributeName is the short name that OpenSSL shows, else the dotted identifier.
func attributeName(oid string) string {
	switch oid {
	case oidCommonName:
		return "CN"
	case "\x55\x04\x06":
		return "C"
	case "\x55\x04\x07":
		return "L"
	case "\x55\x04\x08":
		return "ST"
	case "\x55\x04\x0a":
		return "O"
	case "\x55\x04\x0b":
		return "OU"
	case "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01":
		return "emailAddress"
	}
	return oidName(oid)
}

// commonNames are the CN attributes in their order.
func (n name) commonNames() []attribute {
	var all []attribute
	for _, attributes := range n {
		for _, a := range attributes {
			if a.oid == oidCommonName {
				all = append(all, a)
			}
		}
	}
	return all
}
