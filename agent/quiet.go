package agent

import (
	"maps"
	"os"
	"time"
)

const (
	// listQuiet is how long trust.ini must have stayed as it is before the loop takes it over: some editors empty a file first.
	listQuiet = time.Second
	// ownQuiet is the same for the files of which the own announcement is made, all together: one step of the component is one
	// announcement. Fed-BioMed's `configuration refresh` writes the key, then the certificate, then reads its default biprimes and
	// makes, for a researcher, one more RSA key (0.2 to 1 s), and empties and writes the configuration last.
	ownQuiet = 2 * time.Second
)

// stamp tells versions of a file apart without reading it. The zero stamp: it is not there.
type stamp struct {
	size     int64
	modified time.Time
}

// quiet watches over files: have all of them stayed as they are?
type quiet struct {
	stamps map[string]stamp // by path
	since  time.Time        // when stamps were first seen; zero: never looked
}

// look gives when the files will have been the same for that long, zero if they have been.
func (q *quiet) look(paths []string, long time.Duration, now time.Time) (at time.Time) {
	seen := map[string]stamp{}
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil {
			seen[path] = stamp{size: info.Size(), modified: info.ModTime()}
		}
	}
	if q.since.IsZero() || !maps.Equal(seen, q.stamps) || now.Before(q.since) {
		*q = quiet{stamps: seen, since: now}
	}
	if at := q.since.Add(long); now.Before(at) {
		return at
	}
	return time.Time{}
}
