package probe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"fbpeer/mpspdz"
)

// Limits of the wire format.
const (
	wireVersion = 1
	maxFrame    = 1<<16 - 1
	maxDetail   = 120 // bytes
	maxEndpoint = 253 + 1 + 5
)

// errWire is the cause of all that does not parse.
var errWire = errors.New("not the probe protocol")

func broken(format string, args ...any) error {
	return fmt.Errorf("%w: %w", errWire, fmt.Errorf(format, args...))
}

// readFrame reads a frame's body. Memory grows with what has come, not with what was promised.
func readFrame(r io.Reader) ([]byte, error) {
	var length [2]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, err
	}
	want := int64(binary.BigEndian.Uint16(length[:]))
	body, err := io.ReadAll(io.LimitReader(r, want))
	if err == nil && int64(len(body)) < want {
		err = io.ErrUnexpectedEOF
	}
	return body, err
}

func writeFrame(w io.Writer, body []byte) error {
	_, err := w.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(body))), body...))
	return err
}

// request asks a member for a round.
type request struct {
	setName string
	digest  mpspdz.Hash
}

func (q request) encode() []byte {
	out := append([]byte{wireVersion, byte(len(q.setName))}, q.setName...)
	return append(out, q.digest[:]...)
}

// decodeRequest takes requests of later versions too: what they append is ignored.
func decodeRequest(b []byte) (request, error) {
	if len(b) < 2 || b[0] < wireVersion || len(b) < 2+int(b[1])+len(mpspdz.Hash{}) {
		return request{}, broken("a request of %d bytes", len(b))
	}
	end := 2 + int(b[1])
	q := request{setName: string(b[2:end])}
	if q.setName != "" && mpspdz.CheckSetName(q.setName) != nil {
		return request{}, broken("a request for a set with a name that none has")
	}
	copy(q.digest[:], b[end:])
	return q, nil
}

// status is what a member answers to a request.
type status byte

const (
	statusOpen        status = iota // its port is open
	statusInUse                     // its port is in use
	statusRan                       // MP-SPDZ runs there, or did until a minute ago
	statusOff                       // [probe] answer = off
	statusOften                     // it opened its port for another set less than 30 s ago
	statusOtherSet                  // another set is in force there
	statusNotAccepted               // the coordinator is not accepted there
	statusNoSet                     // no set of that name is in force there
	statusFailed                    // it cannot
	statuses                        // how many there are

	// What only a coordinator says, of members that it could not ask.
	statusNotConnected
	statusNoAnswer
)

// takesPart: such a member waits for a go and dials.
func (s status) takesPart() bool { return s <= statusRan }

// answer is what a member says to a request.
type answer struct {
	status status
	over   bool          // its opening has ended, the row of it follows at once
	left   time.Duration // until its opening ends; if over, for statusOften and statusFailed, until it may open again
	age    time.Duration // if over: since that opening began
	digest mpspdz.Hash   // for statusOtherSet: of the set that is in force
	detail string        // for statusFailed
}

func (a answer) encode() []byte {
	out := []byte{byte(a.status), 0}
	if a.over {
		out[1] = 1
	}
	out = appendMillis(appendMillis(out, a.left), a.age)
	out = append(out, a.digest[:]...)
	return appendDetail(out, a.detail)
}

func decodeAnswer(b []byte) (answer, error) {
	const fixed = 2 + 4 + 4 + 32
	if len(b) < fixed {
		return answer{}, broken("an answer of %d bytes", len(b))
	}
	a := answer{status: status(b[0]), over: b[1] == 1, left: millis(b[2:]), age: millis(b[6:]), digest: mpspdz.Hash(b[10:fixed])}
	detail, rest, ok := cutDetail(b[fixed:])
	a.detail = detail
	if !ok || len(rest) > 0 || a.status >= statuses || b[1] > 1 || a.over && !a.status.takesPart() || a.left > maxTime || a.age > maxTime {
		return answer{}, broken("an answer that says what none does")
	}
	return a, nil
}

// maxTime is more than any time on the wire can be.
const maxTime = time.Minute

// target is one line of a go: a member whose port is open, and for how long yet.
type target struct {
	to   int
	left time.Duration
}

func encodeGo(targets []target) []byte {
	out := []byte{}
	for _, t := range targets {
		out = appendMillis(append(out, byte(t.to)), t.left)
	}
	return out
}

// decodeGo reads the go for party own of so many.
func decodeGo(b []byte, own, parties int) ([]target, error) {
	const size = 1 + 4
	if len(b)%size != 0 {
		return nil, broken("a go of %d bytes", len(b))
	}
	var out []target
	last := -1
	for entry := range slices.Chunk(b, size) {
		t := target{int(entry[0]), millis(entry[1:])}
		if t.to <= last || t.to >= parties || t.to == own || t.left > maxTime {
			return nil, broken("a go for party %d after %d, to party %d of %d", t.to, last, own, parties)
		}
		out, last = append(out, t), t.to
	}
	return out, nil
}

// how is what a code alone does not say.
type how byte

const (
	howHere   how = iota // the dialer's own finding
	howThere             // what the side that was dialled says
	howAlert             // what a TLS alert from there says
	howOther             // what answered there is no agent
	howSilent            // the connection came about, and then there was no answer
	howClosed            // the connection came about, and was closed
	howNotTLS            // what answered does not speak TLS
	howRoute             // no way leads there
	howLate              // the port was about to close when its turn came
	howNoLine            // TLS stood, and then no verdict came: with Timeout nothing, otherwise the end
	hows                 // how many there are
)

// result is one direction, as the member that dialled found it.
type result struct {
	to       int
	code     Code
	how      how
	party    int // for WrongParty: who answered; nobody if no member, or not known
	took     time.Duration
	at       time.Time // when; on the wire: how long ago
	age      time.Duration
	endpoint mpspdz.Endpoint // that was dialled; the zero value if it is the one that the set has
	detail   string
}

// rowCodes are the codes that a row may have, by their number on the wire.
var rowCodes = []Code{OK, Unresolved, Refused, Timeout, NotOpened, UnknownCertificate, NameRefused, Expired, WrongParty, Failed}

const noParty = 255 // nobody, on the wire

// encodeRow writes results, which must be in order. What no longer fits into a frame with its texts goes without them.
func encodeRow(row []result) []byte {
	const least = 1 + 1 + 1 + 1 + 4 + 4 + 2 + 1
	var out []byte
	for i, r := range row {
		endpoint, detail := r.endpoint.String(), r.detail
		if len(out)+len(endpoint)+maxDetail+least*(len(row)-i) > maxFrame {
			endpoint, detail = "", ""
		}
		party := byte(noParty)
		if r.party != nobody {
			party = byte(r.party)
		}
		out = append(out, byte(r.to), byte(slices.Index(rowCodes, r.code)), byte(r.how), party)
		out = appendMillis(appendMillis(out, r.took), r.age)
		out = append(binary.BigEndian.AppendUint16(out, uint16(len(endpoint))), endpoint...)
		out = appendDetail(out, detail)
	}
	return out
}

// decodeRow reads the row of party own of so many.
func decodeRow(b []byte, own, parties int) ([]result, error) {
	var out []result
	last := -1
	for len(b) > 0 {
		r, rest, ok := cutResult(b)
		if !ok || r.to <= last || r.to >= parties || r.to == own || r.party >= parties {
			return nil, broken("a row that says what none does")
		}
		out, last, b = append(out, r), r.to, rest
	}
	return out, nil
}

func cutResult(b []byte) (result, []byte, bool) {
	const fixed = 4 + 4 + 4 + 2
	if len(b) < fixed || int(b[1]) >= len(rowCodes) || b[2] >= byte(hows) {
		return result{}, nil, false
	}
	r := result{to: int(b[0]), code: rowCodes[b[1]], how: how(b[2]), party: int(b[3]), took: millis(b[4:]), age: millis(b[8:])}
	if r.party == noParty {
		r.party = nobody
	}
	length := int(binary.BigEndian.Uint16(b[12:]))
	if b = b[fixed:]; length > maxEndpoint || length > len(b) || r.took > maxTime || r.age > maxTime {
		return result{}, nil, false
	}
	if length > 0 {
		var err error
		if r.endpoint, err = mpspdz.ParseEndpoint(string(b[:length])); err != nil || r.endpoint.String() != string(b[:length]) {
			return result{}, nil, false
		}
	}
	var ok bool
	r.detail, b, ok = cutDetail(b[length:])
	return r, b, ok
}

func appendMillis(b []byte, d time.Duration) []byte {
	return binary.BigEndian.AppendUint32(b, uint32(min(max(d, 0), maxTime).Milliseconds()))
}

// millis gives a number of milliseconds, of which maxTime is the most that counts.
func millis(b []byte) time.Duration {
	return time.Duration(binary.BigEndian.Uint32(b)) * time.Millisecond
}

func appendDetail(b []byte, detail string) []byte {
	detail = strings.ToValidUTF8(detail[:min(len(detail), maxDetail)], "")
	return append(append(b, byte(len(detail))), detail...)
}

func cutDetail(b []byte) (string, []byte, bool) {
	if len(b) == 0 || b[0] > maxDetail || len(b) < 1+int(b[0]) {
		return "", nil, false
	}
	n := 1 + int(b[0])
	return string(b[1:n]), b[n:], utf8.Valid(b[1:n])
}
