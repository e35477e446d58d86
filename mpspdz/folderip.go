package mpspdz

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"strings"
)

const cureLine = `write "host:port" and nothing else in each line, one line for each party in order; ` + cureRewrite

// readIPFile reads ip_addresses.
func (f *folder) readIPFile() {
	if _, err := fs.Stat(f.fsys, IPFile); errors.Is(err, fs.ErrNotExist) {
		f.fail(FolderNoIPFile, IPFile, "there is no ip file", cureRewrite)
		return
	}
	data, fault := readRegular(f.fsys, IPFile, maxIPFile)
	if fault != nil {
		f.add(*fault)
		return
	}
	for _, mark := range byteOrderMarks {
		if bytes.HasPrefix(data, mark) {
			f.fail(FolderIPBOM, IPFile+":1", "the file begins with a byte order mark, which MP-SPDZ takes for a part of party 0's host",
				"save the file as plain text, without a byte order mark")
			if len(mark) == 2 {
				return // UTF-16: no line can be read
			}
			data = data[len(mark):]
			break
		}
	}
	f.ip = parseIPFile(data)
}

// checkIPFile judges every line by MP-SPDZ's grammar.
func (f *folder) checkIPFile() {
	if !f.ip.there {
		return
	}
	if n := len(f.ip.lines); n == 0 {
		f.fail(FolderNoIPFile, IPFile, "the file has no lines", cureRewrite)
	} else if n > MaxParties {
		f.fail(FolderIPMany, IPFile, fmt.Sprintf("the file has lines for %d parties: at most %d", n, MaxParties), cureRewrite)
		f.ip.lines = nil // no single one is worth a word
		return
	}
	for _, line := range f.ip.skipped[:min(len(f.ip.skipped), MaxParties)] {
		f.warn(FolderIPSkipped, fmt.Sprintf("%s:%d", IPFile, line),
			"MP-SPDZ skips an empty line and one that begins with #: the parties after it are counted as if it was not there", "remove the line")
	}
	for j, l := range f.ip.lines {
		f.checkHost(j, l)
		f.checkPort(j, l)
	}
	f.checkEphemeral()
	f.checkLoopback()
	f.checkTwice()
}

// checkHost judges what stands before the first colon.
func (f *folder) checkHost(j int, l ipLine) {
	party := fmt.Sprintf("party %d's host", j)
	switch _, err := ParseHost(l.host); {
	case l.blank():
		f.fail(FolderIPBlank, l.where(), fmt.Sprintf("a line of white space, which MP-SPDZ takes for party %d", j), "remove the line")
	case isIPv6(l.text):
		f.fail(FolderIPv6, l.where(), quote(l.text)+" is IPv6: MP-SPDZ splits at the first colon, and takes "+quote(l.host)+" for "+party,
			"give an IPv4 address or a host name")
	case strings.Trim(l.host, white) != l.host:
		f.fail(FolderIPSpace, l.where(), "MP-SPDZ takes the white space for a part of "+party+": "+quote(l.host), "remove the white space")
	case err != nil && j == f.number: // MP-SPDZ dials itself at 127.0.0.1
		f.warn(FolderIPHost, l.where(), err.Error()+" (the own line's host is not used here, but in the others' copies)", cureLine)
	case err != nil:
		f.fail(FolderIPHost, l.where(), err.Error(), cureLine)
	}
}

// checkPort judges what stands behind it.
func (f *folder) checkPort(j int, l ipLine) {
	trailing := strings.Trim(l.rest, white)
	switch {
	case l.blank() || isIPv6(l.text):
	case !l.split:
		f.warn(FolderIPNoPort, l.where(), fmt.Sprintf("no port: MP-SPDZ takes %d, or what its option -pn says and party %d's number",
			l.bound(), j), cureLine)
	case l.port == undefinedPort:
		f.fail(FolderIPPort, l.where(), "there is nothing behind the colon: MP-SPDZ takes whatever its memory holds", cureLine)
	case l.port == 0 && trailing != "":
		f.fail(FolderIPPort, l.where(), quote(l.after)+" is not a port: MP-SPDZ reads 0", cureLine)
	case l.port < 1 || l.port > math.MaxUint16:
		f.fail(FolderIPPort, l.where(), fmt.Sprintf("%s is not a port (1 to 65535): MP-SPDZ takes %d", quote(l.after), l.bound()), cureLine)
	case trailing != "":
		f.warn(FolderIPRest, l.where(), fmt.Sprintf("MP-SPDZ reads port %d, and not what follows: %s", l.port, quote(trailing)), cureLine)
	}
}

// checkEphemeral warns of the ports that the system gives to others, in one finding.
func (f *folder) checkEphemeral() {
	var found []ipLine
	for _, l := range f.ip.lines {
		if (Endpoint{port: l.bound()}).IsEphemeral() && l.port != undefinedPort {
			found = append(found, l)
		}
	}
	if len(found) == 0 {
		return
	}
	text := fmt.Sprintf("port %d is one that the system gives to outgoing connections", found[0].bound())
	if n := len(found); n > 1 {
		text = fmt.Sprintf("port %d, and those of %s below, are among those that the system gives to outgoing connections",
			found[0].bound(), lineCount(n-1))
	}
	f.warn(FolderIPEphemeral, found[0].where(),
		fmt.Sprintf("%s (%d to %d): it may be busy when MP-SPDZ starts", text, ephemeralFirst, ephemeralLast), "choose ports below 32768")
}

func lineCount(n int) string {
	if n == 1 {
		return "another line"
	}
	return fmt.Sprintf("%d lines", n)
}

// checkLoopback: localhost beside other hosts leads to the wrong machine from all but one. In the own line it harms only the others'
// copies of the file.
func (f *folder) checkLoopback() {
	var loopback []int
	for j, l := range f.ip.lines {
		if e, err := l.endpoint(); err == nil && e.IsLoopback() {
			loopback = append(loopback, j)
		}
	}
	if len(loopback) == len(f.ip.lines) {
		return
	}
	const cure = "write the address that the other sites reach"
	for _, j := range loopback {
		l := f.ip.lines[j]
		if j == f.number {
			f.warn(FolderIPLoopback, l.where(), quote(l.host)+" beside other hosts: right here, but not in the others' copies of this file", cure)
			continue
		}
		f.fail(FolderIPLoopback, l.where(),
			fmt.Sprintf("%s beside other hosts: party %d would be looked for on this machine", quote(l.host), j), cure)
	}
}

// checkTwice finds parties that nobody could tell apart. On one machine the port alone counts. The own line's host is not used: with the
// port to bind it may be another party's advertised address, where the two share one; the expected set knows.
func (f *folder) checkTwice() {
	first := map[Endpoint]int{}
	for j, l := range f.ip.lines {
		e, err := l.endpoint()
		if err != nil {
			continue
		}
		at := e
		if e.IsLoopback() {
			at.host = "localhost"
		}
		i, twice := first[at]
		ownLine := i == f.number || j == f.number
		switch {
		case !twice:
			first[at] = j
		case ownLine && f.expected != nil:
		default:
			f.add(Finding{FolderIPDuplicate, !ownLine, l.where(), "",
				fmt.Sprintf("parties %d (line %d) and %d have one address, %s", i, f.ip.lines[i].line, j, e),
				"give each party its own address or port"})
		}
	}
}
