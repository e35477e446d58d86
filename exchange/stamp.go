package exchange

import (
	"errors"
	"strconv"
	"time"

	"fbpeer/mpspdz"
)

// Stamp is what time and history give a new record. Times are rounded down to whole seconds, and written in UTC.
type Stamp struct {
	Sequence        uint64
	Issued, Expires time.Time
}

// NextSequence is max(now in milliseconds, last+1), where last is the highest sequence used or validly seen. Persist it
// before the record is published.
func NextSequence(now time.Time, last uint64) uint64 {
	return max(uint64(max(now.UnixMilli(), 1)), last+1)
}

// stamp reads sequence, issue and expiry. A kind without an expiry of its own lives for life from its issue.
func (v *values) stamp(life time.Duration) (s Stamp, err error) {
	if s.Sequence, err = v.number(fieldSequence, 64); err != nil {
		return s, err
	}
	if s.Issued, err = v.time(fieldIssued); err != nil {
		return s, err
	}
	if life > 0 {
		s.Expires = s.Issued.Add(life)
		return s, nil
	}
	s.Expires, err = v.time(fieldExpires)
	return s, err
}

// put writes the lines that stamp reads.
func (s Stamp) put(v *values, expires bool) {
	v[fieldSequence] = strconv.FormatUint(s.Sequence, 10)
	v[fieldIssued] = s.Issued.Format(timeForm)
	if expires {
		v[fieldExpires] = s.Expires.Format(timeForm)
	}
}

// whole is the stamp in whole seconds of UTC.
func (s Stamp) whole() Stamp {
	return Stamp{s.Sequence, s.Issued.UTC().Truncate(time.Second), s.Expires.UTC().Truncate(time.Second)}
}

// checkBegin holds the rules on sequence and issue that no clock is needed for.
func (s Stamp) checkBegin() error {
	switch {
	case s.Sequence == 0:
		return refuse(CodeField, "sequence", "0", errors.New("must be at least 1"))
	case s.Issued.Year() < 1970 || s.Issued.Year() > 9999:
		return refuseTime("issued", s.Issued, "must be of the years 1970 to 9999")
	}
	return nil
}

// check holds the rules on a record with an expiry of its own. What stands on a certificate may live as long as that, in a card.
func (s Stamp) check(certificate *mpspdz.Certificate) error {
	if err := s.checkBegin(); err != nil {
		return err
	}
	long := s.Expires.Sub(s.Issued) > MaxLifetime
	switch {
	case s.Expires.Year() > 9999:
		return refuseTime("expires", s.Expires, "must be of the years 1970 to 9999")
	case !s.Expires.After(s.Issued):
		return refuseTime("expires", s.Expires, "must be after issued, "+s.Issued.Format(timeForm))
	case long && certificate == nil:
		return refuseTime("expires", s.Expires, "is more than 30 days after issued")
	case long && s.Expires.After(certificate.NotAfter()):
		return refuseTime("expires", s.Expires, "is more than 30 days after issued, and later than the certificate's end, "+
			certificate.NotAfter().Format(timeForm))
	}
	return nil
}

func refuseTime(field string, t time.Time, text string) error {
	return refuse(CodeField, field, t.Format(timeForm), errors.New(text))
}
