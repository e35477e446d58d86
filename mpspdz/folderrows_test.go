package mpspdz_test

import (
	"strings"

	"golang.org/x/crypto/cryptobyte/asn1"

	"fbpeer/mpspdz"
)

func linkRows() []folderRow {
	dave := func(f *trio) []byte { return certPEM(spec{subject: cn("P7")}.build(f.t)) }
	const daves = "6d794e99.0" // his subject hash, as openssl says
	earlier := func(f *trio) []byte {
		s := spec{key: f.keys[2], subject: nameOf(set(value(commonName, asn1.UTF8String, "P2")), set(value(organization, asn1.UTF8String, "carol"))),
			exts: [][]byte{ski("old"), aki("old")}}
		return certPEM(s.build(f.t))
	}
	return []folderRow{
		{"no link", func(f *trio) { f.remove(f.hash(0)+".0", f.hash(2)+".0") }, []string{
			"E not-linked Player-Data: no hash link leads OpenSSL to these, so their parties are refused: P0.pem and P2.pem"}, false},
		{"no link to the own one", func(f *trio) { f.remove(f.hash(1) + ".0") }, []string{"W not-linked Player-Data/P1.pem: the own certificate has no hash link HASH1.0"}, false},
		{"a link that leads nowhere", func(f *trio) { f.link("00000001.0", "gone\x1b.pem") }, []string{`W dangling-link Player-Data/00000001.0: to gone\1B.pem`}, false},
		{"a link for another subject", func(f *trio) { f.link("00000001.0", "P2.pem") }, []string{
			"W wrong-hash Player-Data/00000001.0: 00000001.0"}, false},
		{"links of old OpenSSL too", func(f *trio) { f.rehash("-compat") }, []string{"W wrong-hash Player-Data: hash links for another subject than their certificate's"}, false},
		{"a gap", func(f *trio) { f.remove(f.hash(2) + ".0"); f.link(f.hash(2)+".1", "P2.pem") }, []string{
			"E not-linked Player-Data/P2.pem: ", "W unreached-link Player-Data/HASH2.1: counts hash links up from .0"}, false},
		{"numbers that OpenSSL does not make", func(f *trio) { f.link(f.hash(2)+".01", "P2.pem") }, []string{"W unreached-link Player-Data/HASH2.01: "}, false},
		{"behind a link that cannot be read", func(f *trio) {
			f.put(f.hash(2)+".0", []byte("hello"))
			f.link(f.hash(2)+".1", "P2.pem")
		}, []string{"E bad-certificate Player-Data/HASH2.0: no PEM block", "E not-linked Player-Data/P2.pem: ", "W unreached-link Player-Data/HASH2.1: "}, false},
		{"a link that is a pipe", func(f *trio) { f.pipe(f.hash(2) + ".0") }, []string{"E odd-file Player-Data/HASH2.0: a pipe", "E not-linked Player-Data/P2.pem: "}, false},
		{"a list of revoked certificates", func(f *trio) { f.put("00000001.r0", nil) }, []string{"W revocation-list Player-Data/00000001.r0: MP-SPDZ reads none"}, false},

		{"a left-over certificate, linked", func(f *trio) { f.put("P7.pem", dave(f)); f.rehash() }, []string{
			"E stranger Player-Data/P7.pem: CN=P7 is trusted through "}, false},
		{"a left-over certificate, not linked", func(f *trio) { f.put("P7.pem", dave(f)) }, []string{
			"W surplus Player-Data/P7.pem: CN=P7 is no party's; nothing leads to it now, but openssl rehash would"}, false},
		{"a rotated certificate, linked", func(f *trio) { f.put("P2.old.pem", earlier(f)); f.rehash() }, []string{
			"E stranger Player-Data/P2.old.pem: CN=P2,O=carol (the subject of party 2, and another certificate) is trusted through HASH2."}, false},
		{"a rotated certificate, linked, in a set", func(f *trio) { f.put("P2.old.pem", earlier(f)); f.rehash() }, []string{
			"E stranger Player-Data/P2.old.pem: CN=P2,O=carol (another certificate of carol's key) is trusted through HASH2."}, true},
		{"a rotated certificate, not linked", func(f *trio) { f.put("P2.old.pem", earlier(f)) }, []string{
			"W surplus Player-Data/P2.old.pem: the subject of party 2"}, false},
		{"a copy as hash link that was not renewed", func(f *trio) { f.put(f.hash(2)+".0", earlier(f)) }, []string{
			"E stranger Player-Data/HASH2.0: CN=P2,O=carol (the subject of party 2, and another certificate) is trusted through HASH2.0",
			"E not-linked Player-Data/P2.pem: "}, false},
		{"a root", func(f *trio) {
			f.put("ca.crt", certPEM(spec{subject: cn("Hospital root"), exts: [][]byte{caTrue}}.build(f.t)))
			f.rehash()
		}, []string{"E stranger Player-Data/ca.crt: could make itself a certificate as any party"}, false},
		{"a stranger from elsewhere", func(f *trio) {
			f.link(daves, write(f.t, f.dir, "x\x1b.pem", dave(f)))
		}, []string{`E stranger Player-Data/` + daves + `: is trusted through ` + daves + `, which leads to /`}, false},
		{"a certificate that only OpenSSL could read", func(f *trio) { f.put("00000001.0", certPEM([]byte("hello"))) }, []string{
			"E stranger Player-Data/00000001.0: a certificate whose subject cannot be read, SHA256:"}, false},
		{"a stray file that cannot be read", func(f *trio) { f.put("x.pem", nil) }, []string{"W surplus Player-Data/x.pem: a file of no party: the file holds no PEM block"}, false},
	}
}

// ipRow is a row with another ip file.
func ipRow(name, file string, want ...string) folderRow {
	return folderRow{name, func(f *trio) { f.put(mpspdz.IPFile, []byte(file)) }, want, false}
}

func ipRows() []folderRow {
	const a, b, c = "10.0.0.1:14000\n", "10.0.0.2:15001\n", "10.0.0.3:14002\n"
	return []folderRow{
		{"no ip file", func(f *trio) { f.remove(mpspdz.IPFile) }, []string{"E no-ip-file ip_addresses: there is no ip file"}, false},
		{"a pipe", func(f *trio) { f.pipe(mpspdz.IPFile) }, []string{"E odd-file ip_addresses: a pipe"}, false},
		{"a huge file", func(f *trio) { f.huge(mpspdz.IPFile) }, []string{"E too-large ip_addresses: at most 262144"}, false},
		ipRow("empty", "", "E no-ip-file ip_addresses: the file has no lines"),
		ipRow("BOM", "\ufeff"+a+b+c, "E ip-bom ip_addresses:1: byte order mark"),
		ipRow("UTF-16", "\xff\xfe1\x000\x00", "E ip-bom ip_addresses:1: byte order mark"),
		ipRow("a line of spaces", a+b+c+" \t\n", "E ip-blank ip_addresses:4: white space, which MP-SPDZ takes for party 3"),
		ipRow("CRLF and an empty line", a+"\r\n"+b+c, "E ip-blank ip_addresses:2: party 1"),
		ipRow("a comment and an empty line", "# us\n"+a+"\n"+b+c+"\n# end\n", "W ip-skipped ip_addresses:1: ", "W ip-skipped ip_addresses:3: "),
		ipRow("a comment that is none", a+b+c[:len(c)-1]+" # carol\n", `W ip-rest ip_addresses:3: reads port 14002, and not what follows: "# carol"`),
		ipRow("a leading space", a+b+" "+c, `E ip-space ip_addresses:3: party 2's host: " 10.0.0.3"`),
		ipRow("a space before the colon", a+b+"10.0.0.3 :14002\n", `E ip-space ip_addresses:3: "10.0.0.3 "`),
		ipRow("a space behind the colon", a+b+"10.0.0.3: 14002\n"),
		ipRow("CRLF without a port", a+b+"10.0.0.3\r\n", `E ip-space ip_addresses:3: "10.0.0.3\r"`, "W ip-no-port ip_addresses:3: takes 5002"),
		ipRow("IPv6 in brackets", a+b+"[fd00::3]:14002\n", `E ip-v6 ip_addresses:3: takes "[fd00" for party 2's host`),
		ipRow("IPv6", a+b+"fd00::3\n", `E ip-v6 ip_addresses:3: takes "fd00" for`),
		ipRow("a host that is none", a+b+"carol's \x1b[2J:14002\n", `E ip-host ip_addresses:3: "carol's \x1b[2J" is not a host name`),
		ipRow("an octal address", a+b+"010.0.0.3:14002\n", `E ip-host ip_addresses:3: is not an IPv4 address`),
		ipRow("no host", a+b+":14002\n", `E ip-host ip_addresses:3: "" is not a host`),
		ipRow("every address, in the own line", a+"0.0.0.0:15001\n"+c, `W ip-host ip_addresses:2: the own line's host is not used here`),
		ipRow("no port", a+b+"10.0.0.3\n", "W ip-no-port ip_addresses:3: takes 5002"),
		ipRow("a colon without a port", a+b+"10.0.0.3:\n", "E ip-port ip_addresses:3: nothing behind the colon"),
		ipRow("a port that is none", a+b+"10.0.0.3:http\n", `E ip-port ip_addresses:3: "http" is not a port: MP-SPDZ reads 0`),
		ipRow("port 0", a+b+"10.0.0.3:0\n", `E ip-port ip_addresses:3: "0" is not a port (1 to 65535): MP-SPDZ takes 0`),
		ipRow("a port that wraps", a+b+"10.0.0.3:70000\n", `E ip-port ip_addresses:3: "70000" is not a port (1 to 65535): MP-SPDZ takes 4464`),
		ipRow("a negative port", a+b+"10.0.0.3:-1\n", `E ip-port ip_addresses:3: "-1" is not a port (1 to 65535): MP-SPDZ takes 65535`),
		ipRow("a port beyond any number", a+b+"10.0.0.3:99999999999999999999\n", `E ip-port ip_addresses:3: MP-SPDZ takes 65535`),
		ipRow("two ports", a+b+"10.0.0.3:14002:x\n", `W ip-rest ip_addresses:3: reads port 14002, and not what follows: ":x"`),
		ipRow("a hexadecimal port", a+b+"10.0.0.3:0x1\n", `E ip-port ip_addresses:3: MP-SPDZ reads 0`),
		ipRow("an ephemeral port", a+b+"10.0.0.3:40002\n", "W ip-ephemeral ip_addresses:3: port 40002 is one that the system gives to outgoing connections (32768 to 60999)"),
		ipRow("ephemeral ports", "10.0.0.1:40001\n"+b+"10.0.0.3:40002\n", "W ip-ephemeral ip_addresses:1: port 40001, and those of another line below"),
		ipRow("localhost among others", a+b+"localhost:14002\n", `E ip-loopback ip_addresses:3: party 2 would be looked for on this machine`),
		ipRow("localhost in the own line", a+"127.0.0.1:15001\n"+c, `W ip-loopback ip_addresses:2: right here, but not in the others' copies`),
		ipRow("all on localhost", "localhost:1\n127.0.0.1:2\nlocalhost:3\n"),
		ipRow("an address twice", a+b+a, "E ip-duplicate ip_addresses:3: parties 0 (line 1) and 2 have one address, 10.0.0.1:14000"),
		ipRow("the own address twice", a+b+b, "W ip-duplicate ip_addresses:3: parties 1 (line 2) and 2 have one address, 10.0.0.2:15001"),
		ipRow("a port twice on localhost", "localhost:1\n127.0.0.1:2\n127.0.0.1:1\n", "E ip-duplicate ip_addresses:3: parties 0 (line 1) and 2"),
		ipRow("a line too many", a+b+c+"10.0.0.4:14000\n", "E no-certificate Player-Data/P3.pem: of 4 parties, the certificates of these are missing: P3.pem"),
		ipRow("a line too few", a+b, "E stranger Player-Data/P2.pem: CN=P2,O=carol is trusted through HASH2.0"),
		ipRow("more lines than parties can be", strings.Repeat("h:1\n", 300), "E ip-too-many ip_addresses: 300",
			"E no-certificate Player-Data: of 255 parties, the certificates of these are missing: P3.pem, P4.pem, P5.pem, P6.pem, P7.pem and 247 more"),
	}
}

func setRows() []folderRow {
	file := func(s string) func(f *trio) { return func(f *trio) { f.put(mpspdz.IPFile, []byte(s)) } }
	return []folderRow{
		{"two lines swapped", file("10.0.0.3:14002\n10.0.0.2:15001\n10.0.0.1:14000\n"), []string{
			"E wrong-order ip_addresses:1: line 1 is party 0, and it is carol's address (10.0.0.3:14002): carol is party 2, and party 0 is alice at 10.0.0.1:14000 [carol]",
			"E wrong-order ip_addresses:3: line 3 is party 2, and it is alice's address (10.0.0.1:14000): alice is party 0, and party 2 is carol at 10.0.0.3:14002 [alice]"}, true},
		{"the own line swapped", file("10.0.0.1:14000\n10.0.0.3:14002\n10.0.0.2:15001\n"), []string{
			"E wrong-order ip_addresses:2: it is carol's address (10.0.0.3:14002): carol is party 2, and party 1 is bob",
			"E wrong-order ip_addresses:3: it is bob's address (10.0.0.2:15001): bob is party 1, and party 2 is carol"}, true},
		{"the own line swapped, with the advertised port", file("10.0.0.1:14000\n10.0.0.3:14002\n10.0.0.2:14001\n"), []string{
			"E wrong-order ip_addresses:2: carol is party 2", "E wrong-order ip_addresses:3: bob is party 1"}, true},
		{"another address", file("10.0.0.9:14000\n10.0.0.2:15001\n10.0.0.3:14002\n"), []string{
			"E other-endpoint ip_addresses:1: line 1 is 10.0.0.9:14000, and party 0 is alice at 10.0.0.1:14000 [alice]"}, true},
		{"another port", file("10.0.0.1:14000\n10.0.0.2:15001\n10.0.0.3:14009\n"), []string{"E other-endpoint ip_addresses:3: line 3 is 10.0.0.3:14009, and party 2 is carol at 10.0.0.3:14002"}, true},
		{"a line with the default port", file("10.0.0.1:14000\n10.0.0.2:15001\n10.0.0.3\n"), []string{"E other-endpoint ip_addresses:3: line 3 is 10.0.0.3:5002", "W ip-no-port ip_addresses:3: "}, true},
		{"the advertised port in the own line", file("10.0.0.1:14000\n10.0.0.2:14001\n10.0.0.3:14002\n"), []string{
			"E wrong-bind-port ip_addresses:2: with port 14001, and MP-SPDZ shall bind 15001 here"}, true},
		{"a line of spaces shifts the rest", file("10.0.0.1:14000\n \n10.0.0.2:15001\n10.0.0.3:14002\n"), []string{"E ip-blank ip_addresses:2: ",
			"E party-count ip_addresses: the file makes 4 parties, and the set has 3", "E wrong-order ip_addresses:3: line 3 is party 2, and it is bob's address"}, true},
		{"a party too few", file("10.0.0.1:14000\n10.0.0.2:15001\n"), []string{"E party-count ip_addresses: the file makes 2 parties, and the set has 3"}, true},
		{"another certificate", func(f *trio) { f.replace(2, spec{subject: cn("P2")}.build(f.t)) }, []string{
			"E other-certificate Player-Data/P2.pem: it is not the certificate of carol in force, but CN=P2 [carol]"}, true},
		{"another certificate of the same key", func(f *trio) { f.replace(2, spec{key: f.keys[2], subject: cn("P2")}.build(f.t)) }, []string{
			"E other-certificate Player-Data/P2.pem: another certificate of carol's key than the one in force"}, true},
		{"swapped certificates", func(f *trio) {
			f.put("P0.pem", f.pem(2))
			f.put("P2.pem", f.pem(0))
			f.remove(f.hash(0)+".0", f.hash(2)+".0")
			f.rehash()
		}, []string{
			"E wrong-number Player-Data/P0.pem: names party 2 (SAN P2), and it stands for party 0 [alice]", "E wrong-number Player-Data/P2.pem: names party 0",
			"E wrong-order Player-Data/P0.pem: it is carol's certificate, and carol is party 2; party 0 is alice [carol]",
			"E wrong-order Player-Data/P2.pem: it is alice's certificate"}, true},
		{"a certificate of one who left", func(f *trio) { f.put("P3.pem", certPEM(spec{subject: cn("P3")}.build(f.t))); f.rehash() }, []string{
			"E stranger Player-Data/P3.pem: CN=P3 is trusted through "}, true},
	}
}
