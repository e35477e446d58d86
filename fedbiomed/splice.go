package fedbiomed

import (
	"math/big"
	"slices"
	"strings"

	"fbpeer/mpspdz"
)

// party is a row as it should be, its values already text.
type party struct {
	id, certificate, kind, ip, port string
}

func newParty(p mpspdz.Party) party {
	return party{
		id:          p.Component,
		certificate: string(p.Certificate.PEM()),
		kind:        strings.ToUpper(string(p.Role)),
		ip:          p.Endpoint.Host(),
		port:        big.NewInt(int64(p.Endpoint.Port())).String(),
	}
}

// fields are what Fed-BioMed's `certificate register` writes, in its order.
func (p party) fields() []field {
	return []field{
		{name: "certificate", text: p.certificate},
		{name: "party_id", text: p.id},
		{name: "component", text: p.kind},
		{name: "ip", text: p.ip},
		{name: "port", text: p.port, number: true},
	}
}

// field is a name and the value as text.
type field struct {
	name, text string
	number     bool
}

// json is the bytes that stand for the value.
func (f field) json() string {
	if f.number {
		return f.text
	}
	return quoteText(f.text)
}

// document is one row of the table to come: its text, and the bytes that separated it from the one before.
type document struct{ gap, text string }

// splice gives the database with the rows of want brought up to date and those of remove taken out (want wins), and the
// components whose rows changed, in that order. Every byte outside of changed rows stays. Of several rows for one party the first
// is kept. A port that is stored as a string, as certificate-dev-setup does, is the same port.
func (db *database) splice(want []party, remove []string) (data []byte, changed []string) {
	wanted := map[string]party{}
	for _, p := range want {
		wanted[p.id] = p
	}
	touched := map[string]bool{}
	seen := map[string]bool{}
	var docs []document
	for i, row := range db.rows {
		doc := document{gap: db.gap(i), text: string(db.data[db.table.members[i].key.start:row.end])}
		id, _, _ := db.field(row, "party_id")
		p, keep := wanted[id]
		switch {
		case keep && !seen[id]:
			seen[id] = true
			if text, differs := db.spliceRow(i, p); differs {
				touched[id], doc.text = true, text
			}
		case keep || slices.Contains(remove, id):
			touched[id] = true
			continue
		}
		docs = append(docs, doc)
	}
	if len(docs) > 0 {
		docs[0].gap = db.gap(0)
	}
	id := db.nextID()
	for _, p := range want {
		if seen[p.id] {
			continue
		}
		seen[p.id], touched[p.id] = true, true
		docs = append(docs, newDocument(p, id.String(), len(docs) == 0))
		id.Add(id, big.NewInt(1))
	}
	for _, p := range want {
		changed = appendOnce(changed, p.id, touched)
	}
	for _, name := range remove {
		changed = appendOnce(changed, name, touched)
	}
	if len(changed) == 0 {
		return db.data, nil
	}
	return db.withTable(docs), changed
}

func appendOnce(changed []string, id string, touched map[string]bool) []string {
	if !touched[id] || slices.Contains(changed, id) {
		return changed
	}
	return append(changed, id)
}

// gap is what stands before member i of the table: the comma and white space.
func (db *database) gap(i int) string {
	start := db.table.start + 1
	if i > 0 {
		start = db.table.members[i-1].value.end
	}
	return string(db.data[start:db.table.members[i].key.start])
}

// spliceRow gives the text of row i, its key included, with the values that differ replaced and those that are missing appended.
func (db *database) spliceRow(i int, p party) (text string, differs bool) {
	row := db.rows[i]
	appended := ""
	var replace map[span]string
	for _, f := range p.fields() {
		present, at, ok := db.field(row, f.name)
		switch {
		case at == span{}:
			appended += `, "` + f.name + `": ` + f.json()
		case !ok || present != f.text:
			if replace == nil {
				replace = map[span]string{}
			}
			replace[at] = f.json()
		}
	}
	if appended == "" && replace == nil {
		return "", false
	}
	var b strings.Builder
	last := db.table.members[i].key.start
	for _, m := range row.members {
		if json, ok := replace[m.value]; ok {
			b.Write(db.data[last:m.value.start])
			b.WriteString(json)
			last = m.value.end
		}
	}
	if appended != "" {
		end := row.members[len(row.members)-1].value.end // it has one: party_id
		b.Write(db.data[last:end])
		b.WriteString(appended)
		last = end
	}
	b.Write(db.data[last:row.end])
	return b.String(), true
}

// newDocument writes a row as TinyDB does.
func newDocument(p party, id string, first bool) document {
	var fields []string
	for _, f := range p.fields() {
		fields = append(fields, quoteText(f.name)+": "+f.json())
	}
	doc := document{gap: ", ", text: quoteText(id) + ": {" + strings.Join(fields, ", ") + "}"}
	if first {
		doc.gap = ""
	}
	return doc
}

// withTable puts the rows in the table's place, or the table at the end.
func (db *database) withTable(docs []document) []byte {
	var rows strings.Builder
	rows.Grow(len(db.data))
	for _, doc := range docs {
		rows.WriteString(doc.gap)
		rows.WriteString(doc.text)
	}
	if db.table != nil {
		end := db.table.end - 1
		if n := len(db.table.members); n > 0 && len(docs) > 0 {
			end = db.table.members[n-1].value.end
		}
		return slices.Concat(db.data[:db.table.start+1], []byte(rows.String()), db.data[end:])
	}
	table := quoteText(certificates) + ": {" + rows.String() + "}"
	if len(db.data) == 0 {
		return []byte("{" + table + "}")
	}
	if n := len(db.root.members); n > 0 {
		end := db.root.members[n-1].value.end
		return slices.Concat(db.data[:end], []byte(", "+table), db.data[end:])
	}
	return slices.Concat(db.data[:db.root.start+1], []byte(table), db.data[db.root.start+1:])
}
