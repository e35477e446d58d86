package agent

import (
	"slices"

	"fbpeer/config"
	"fbpeer/fedbiomed"
	"fbpeer/mpspdz"
)

// registry is the component's own Fed-BioMed party registry, as far as it is ours to keep.
type registry struct {
	file *fedbiomed.Registry // nil: a plain party, or switched off
	rows map[string]row      // by component, as last read
	// What was last brought about, so that a commit that changes nothing for the registry does not read the database.
	upserted []row
	removed  []string
	settled  bool
}

// row is what a registry says of one party, or shall say.
type row struct {
	component   string
	endpoint    string
	certificate mpspdz.Hash
}

func rowOf(p mpspdz.Party) row {
	return row{component: p.Component, endpoint: p.Endpoint.String(), certificate: p.Certificate.SHA256()}
}

func newRegistry(c *config.Config, s store) registry {
	r := registry{rows: map[string]row{}}
	if c.Registry && c.Component.Database != "" {
		r.file = fedbiomed.OpenRegistry(c.Component.Database, s.path(fileIntent))
	}
	return r
}

// recover finishes what a crash left of a write; text says what was done.
func (r *registry) recover() (text string, err error) {
	if r.file == nil {
		return "", nil
	}
	return r.file.Recover()
}

// read looks at the table as it stands.
func (r *registry) read() error {
	if r.file == nil {
		return nil
	}
	rows, err := r.file.Rows()
	if err != nil {
		r.rows = map[string]row{}
		return err
	}
	present := make(map[string]row, len(rows))
	for _, stored := range rows {
		read := row{component: stored.Component, endpoint: stored.IP + ":" + stored.Port}
		if c, err := mpspdz.ParseCertificatePEM([]byte(stored.Certificate)); err == nil {
			read.certificate = c.SHA256()
		}
		present[stored.Component] = read
	}
	r.rows = present
	return nil
}

// look reads the table again. What is not there as it was brought about is written by the next commit, which tells of a table that
// cannot be read.
func (r *registry) look() {
	if err := r.read(); err != nil || !r.stands() {
		r.settled = false
	}
}

// stands says whether all that was last brought about still stands.
func (r *registry) stands() bool {
	return !slices.ContainsFunc(r.upserted, func(want row) bool { return r.rows[want.component] != want }) &&
		!slices.ContainsFunc(r.removed, func(component string) bool { _, there := r.rows[component]; return there })
}

// update brings the rows up to date. changed names the components whose rows were written or removed.
func (r *registry) update(s store, upsert []mpspdz.Party, remove []string) (changed []string, err error) {
	if r.file == nil {
		return nil, nil
	}
	want := make([]row, len(upsert))
	for i, party := range upsert {
		want[i] = rowOf(party)
	}
	if r.settled && slices.Equal(want, r.upserted) && slices.Equal(remove, r.removed) {
		return nil, nil
	}
	r.settled = false
	err = s.do("registry", func() error {
		changed, err = r.file.Update(upsert, remove)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := r.read(); err != nil {
		return changed, err
	}
	r.upserted, r.removed, r.settled = want, remove, true
	return changed, nil
}

// has says whether the party's row stands as it must.
func (r *registry) has(p mpspdz.Party) bool {
	present, ok := r.rows[p.Component]
	return ok && present == rowOf(p)
}
