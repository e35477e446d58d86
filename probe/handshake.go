package probe

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"slices"
	"strings"
)

// The line that each side sends when TLS stands: its verdict on the other. A program that is no agent sends none.
const (
	linePrefix = "fbpeer-probe/1 "
	maxLine    = 64
)

// verdictCodes are what one side may say of the other.
var verdictCodes = []Code{OK, UnknownCertificate, NameRefused, Expired, WrongParty, NotOpened, Failed}

// errNoAgent: what came is not the line of an agent.
var errNoAgent = errors.New("no agent's verdict came")

// exchange tells the other side our verdict and gives its own. Both send first, so that neither waits. The error is errNoAgent for bytes that
// are no line of an agent, otherwise what befell the connection: io.EOF if it was closed before a byte came.
func exchange(c io.ReadWriter, ours Code) (theirs Code, err error) {
	if _, err := io.WriteString(c, linePrefix+string(ours)+"\n"); err != nil {
		return "", err
	}
	line, err := bufio.NewReaderSize(io.LimitReader(c, maxLine), maxLine).ReadString('\n')
	begun := strings.HasPrefix(line, linePrefix) || strings.HasPrefix(linePrefix, line)
	if err != nil && begun && (line == "" || !errors.Is(err, io.EOF)) {
		return "", err
	}
	code, found := strings.CutPrefix(line, linePrefix)
	code, ended := strings.CutSuffix(code, "\n")
	if !found || !ended || !slices.Contains(verdictCodes, Code(code)) {
		return "", errNoAgent
	}
	return Code(code), nil
}

// tlsConfig is what MP-SPDZ does: TLS 1.2, and both sides present and demand a certificate. Neither breaks off because of the other's
// certificate: what it makes of it, it says in its line, so that both know both verdicts. Nothing but these lines passes. seen is given
// the other's certificate, before it is proven that the other has the key.
func (f *files) tlsConfig(seen func(der []byte)) *tls.Config {
	return &tls.Config{
		Certificates:           []tls.Certificate{f.own},
		MinVersion:             tls.VersionTLS12,
		MaxVersion:             tls.VersionTLS12,
		ClientAuth:             tls.RequireAnyClientCert,
		InsecureSkipVerify:     true, // Go would check a host name and authorities, which is not what MP-SPDZ does: judge
		SessionTicketsDisabled: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			seen(state.PeerCertificates[0].Raw)
			return nil
		},
	}
}
