package agent

import (
	"slices"

	"fbpeer/config"
	"fbpeer/fedbiomed"
	"fbpeer/mpspdz"
)

// registry is the component's own Fed-BioMed party registry.
type registry struct {
	file *fedbiomed.Registry // nil: a plain party
	kept bool                // ours to write; else it is read alone ([fedbiomed] registry = false)
	rows map[string]row      // by component, as last read
	// What was last brought about, so that a commit that changes nothing for the registry does not read the database.
	upserted []row
	removed  []string
	settled  bool // of one that is not kept: it has been read
}

// row is what a registry says of one party, or shall say.
type row struct {
	component   string
	endpoint    string
	certificate mpspdz.Hash // zero: none that can be used
	key         mpspdz.Hash // of that certificate
	twice       bool        // another row of that component stands behind it
}

func rowOf(p mpspdz.Party) row {
	return row{component: p.Component, endpoint: p.Endpoint.String(), certificate: p.Certificate.SHA256(), key: p.Certificate.KeySHA256()}
}

func newRegistry(c *config.Config, s store) registry {
	r := registry{rows: map[string]row{}, kept: c.Registry && c.Component.Database != ""}
	switch {
	case r.kept:
		r.file = fedbiomed.OpenRegistry(c.Component.Database, s.path(fileIntent))
	case c.Component.Database != "":
		r.file = fedbiomed.OpenRegistry(c.Component.Database, "") // for reading only
	}
	return r
}

// recover finishes what a crash left of a write; text says what was done.
func (r *registry) recover() (text string, err error) {
	if !r.kept {
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
		if first, there := present[stored.Component]; there {
			first.twice = true
			present[stored.Component] = first // Fed-BioMed reads the first one
			continue
		}
		read := row{component: stored.Component, endpoint: stored.IP + ":" + stored.Port}
		if c, err := mpspdz.ParseCertificatePEM([]byte(stored.Certificate)); err == nil {
			read.certificate, read.key = c.SHA256(), c.KeySHA256()
		}
		present[stored.Component] = read
	}
	r.rows = present
	return nil
}

// meddling is what somebody else did to rows since they were brought about, by component.
type meddling struct{ removed, changed, returned []string }

// look reads the table again, and says what is not there as it was brought about. The next commit writes it, and tells of a table
// that cannot be read.
func (r *registry) look() (m meddling) {
	if err := r.read(); err != nil {
		r.settled = false
	}
	if !r.settled || !r.kept {
		return meddling{}
	}
	for _, want := range r.upserted {
		switch present, there := r.rows[want.component]; {
		case !there:
			m.removed = append(m.removed, want.component)
		case present != want:
			m.changed = append(m.changed, want.component)
		}
	}
	for _, component := range r.removed {
		if _, there := r.rows[component]; there {
			m.returned = append(m.returned, component)
		}
	}
	r.settled = len(m.removed)+len(m.changed)+len(m.returned) == 0
	return m
}

// update brings the rows up to date, or reads them where they are not kept. changed names the components whose rows were written
// or removed.
func (r *registry) update(s store, upsert []mpspdz.Party, remove []string) (changed []string, err error) {
	if r.file == nil || !r.kept && r.settled {
		return nil, nil
	}
	if !r.kept {
		err := r.read()
		r.settled = err == nil
		return nil, err
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
