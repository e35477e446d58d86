package mpspdz

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
)

const (
	maxIPFile = 256 << 10 // bytes: 255 lines of the longest host and port, four times over

	// defaultPort is what MP-SPDZ adds a party's number to where a line has no port (its option -pn).
	defaultPort = 5000

	white = " \t\n\v\f\r" // isspace of C
)

// ipLines is an ip file as MP-SPDZ reads it (Names::init): every line that is not empty and does not begin with '#' is a party, in
// order; a line is split at its first ':'; what stands before is the host, whatever it is.
type ipLines struct {
	lines   []ipLine
	skipped []int // lines before the last party's that make none, from 1
	there   bool  // the file was read
}

// ipLine is one party.
type ipLine struct {
	line  int    // in the file, from 1
	text  string // without the newline
	host  string // before the first ':'
	after string // behind it
	split bool   // there is a ':'
	port  int    // what MP-SPDZ reads, before it takes it modulo 65536; undefinedPort where that is left to chance
	rest  string // what it does not read of after
}

const undefinedPort = math.MinInt // no int of C++

// parseIPFile reads an ip file as MP-SPDZ does, of any bytes.
func parseIPFile(data []byte) ipLines {
	file := ipLines{there: true}
	var skipped []int
	for i, text := range strings.Split(string(bytes.TrimSuffix(data, []byte("\n"))), "\n") {
		if text == "" || text[0] == '#' {
			skipped = append(skipped, i+1)
			continue
		}
		file.skipped = append(file.skipped, skipped...)
		skipped = nil
		l := ipLine{line: i + 1, text: text, port: defaultPort + len(file.lines)}
		l.host, l.after, l.split = strings.Cut(text, ":")
		if l.split {
			l.port, l.rest = readPort(l.after)
		}
		file.lines = append(file.lines, l)
	}
	return file
}

// readPort is C++'s reading of an int from a stream: white space before it, a sign, decimal digits; what follows is left. No digits
// make 0, too many the largest int; where there is nothing to read, the variable stays as it was, which is anything.
func readPort(s string) (port int, rest string) {
	s = strings.TrimLeft(s, white)
	if s == "" {
		return undefinedPort, ""
	}
	sign, digits := "", s
	if s[0] == '-' || s[0] == '+' {
		sign, digits = s[:1], s[1:]
	}
	n := 0
	for n < len(digits) && isDigit(digits[n]) {
		n++
	}
	if n == 0 {
		return 0, s
	}
	number, err := strconv.ParseInt(sign+digits[:n], 10, 32)
	if err != nil { // out of range: ParseInt gives the nearest, as C++ does
		return int(number), digits[n:]
	}
	return int(number), digits[n:]
}

// bound is the port that MP-SPDZ uses.
func (l ipLine) bound() uint16 { return uint16(l.port) }

// blank reports whether the line is white space alone, which MP-SPDZ takes for a party.
func (l ipLine) blank() bool { return strings.Trim(l.text, white) == "" }

// parties is how many lines are meant as parties.
func (file ipLines) parties() int {
	n := 0
	for _, l := range file.lines {
		if !l.blank() {
			n++
		}
	}
	return n
}

// endpoint is the line as an Endpoint, if it is one to MP-SPDZ and to us.
func (l ipLine) endpoint() (Endpoint, error) {
	if l.port == undefinedPort {
		return Endpoint{}, &EndpointError{l.after, reasonPort}
	}
	return NewEndpoint(l.host, l.bound())
}

func (l ipLine) where() string { return fmt.Sprintf("%s:%d", IPFile, l.line) }
