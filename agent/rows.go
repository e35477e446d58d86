package agent

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"fbpeer/agent/api"
	"fbpeer/exchange"
	"fbpeer/fedbiomed"
	"fbpeer/mpspdz"
	"fbpeer/trust"
)

// maxShownValue is how much is told of a value in a row, in characters: anything may stand there.
const maxShownValue = 80

// rowExpirySoon is how long before its certificate ends a row is warned of.
const rowExpirySoon = 30 * 24 * time.Hour

const (
	cureRowSync   = "fbpeer registry sync"
	cureRowByHand = `register it with Fed-BioMed's "certificate register", or let fbpeer do it: [fedbiomed] registry = true in fbpeer.ini`
	cureRowRemove = `remove it with Fed-BioMed's "certificate delete"`
)

// byHand is the row that an operator wrote for a component of which the list says nothing. nil: there is none.
func (k *core) byHand(a *exchange.Announcement) *api.HandRow {
	if a == nil || !k.sameKind(a) || a.Component == k.config.Component.ID {
		return nil
	}
	present, there := k.registry.rows[a.Component]
	if _, listed := k.list.Entry(a.Component); !there || listed {
		return nil
	}
	row := &api.HandRow{Endpoint: present.endpoint, Same: !present.twice && present.certificate == a.Certificate.SHA256()}
	if !present.certificate.IsZero() {
		row.Certificate = present.certificate.String()
	}
	return row
}

// table reads the registry now, and says of each row whose it is and what is wrong with it.
func (k *core) table(now time.Time) api.Registry {
	j := rowJudge{k: k, now: now, write: cureRowSync, remove: cureRowSync, inForce: k.lookInForce(), seen: map[string]bool{}}
	j.t = api.Registry{Component: k.config.Component.ID, Database: k.config.Component.Database, Rows: []api.RegistryRow{}, Obstacles: []api.Obstacle{}}
	if !k.registry.kept {
		j.write, j.remove = cureRowByHand, cureRowRemove
		j.warn(api.WarnRegistryOff, "[fedbiomed] registry = false: fbpeer does not keep this registry current", "set it to true in fbpeer.ini")
	}
	stored, err := k.registry.file.Rows()
	if err != nil {
		w := k.registryProblem(err)
		j.t.Fault = &w
		j.t.Obstacles = append(j.t.Obstacles, api.Obstacle{Code: w.Code, Text: w.Text, Cure: w.Cure})
		return j.t
	}
	for _, row := range stored {
		j.judge(row)
	}
	j.findMissing()
	j.t.OK = len(j.t.Obstacles) == 0
	return j.t
}

// rowJudge goes through one table.
type rowJudge struct {
	k       *core
	now     time.Time
	inForce map[string]*exchange.Announcement
	seen    map[string]bool
	write   string // the cure of a row that is missing or differs
	remove  string // of one that must go
	t       api.Registry
}

func (j *rowJudge) warn(code, text, cure string) {
	j.t.Warnings = append(j.t.Warnings, api.Warning{Code: code, Text: text, Cure: cure})
}

func (j *rowJudge) obstacle(code, component, cure, format string, args ...any) {
	j.t.Obstacles = append(j.t.Obstacles, api.Obstacle{Code: code, Component: component, Text: fmt.Sprintf(format, args...), Cure: cure})
}

// judge takes the next row.
func (j *rowJudge) judge(stored fedbiomed.Row) {
	r := api.RegistryRow{Document: stored.DocID, Component: stored.Component, Alias: j.k.alias(stored.Component), Kind: stored.Kind,
		IP: stored.IP, Port: stored.Port}
	c, err := mpspdz.ParseCertificatePEM([]byte(stored.Certificate))
	if err != nil {
		r.Unusable = exchange.ShowText(err.Error())
	} else {
		r.Certificate, r.KeySHA256, r.Subject = c.SHA256().String(), c.KeySHA256().String(), c.Subject()
		r.NotBefore, r.NotAfter = timePointer(c.NotBefore()), timePointer(c.NotAfter())
	}
	r.State, r.Changes = j.state(stored, c)
	j.t.Rows = append(j.t.Rows, r)
	name := exchange.ShowText(stored.Component)
	switch {
	case stored.Component == "":
		j.obstacle(api.ObstacleRowNameless, "", cureRowRemove, "row %s names no component", exchange.ShowText(stored.DocID))
		return
	case j.seen[stored.Component]:
		cure := cureRowRemove
		if j.inForce[stored.Component] != nil {
			cure = j.remove
		}
		j.obstacle(api.ObstacleRowTwice, stored.Component, cure, "%s stands there twice: Fed-BioMed reads the first row", name)
		return
	}
	j.seen[stored.Component] = true
	switch r.State {
	case api.RowOurs:
		j.expiry(name, stored.Component, c)
		j.form(name, stored, c)
	case api.RowOutdated:
		j.obstacle(api.ObstacleRowOutdated, stored.Component, j.write, "%s has other values there than those in force: %s", name, changesText(r.Changes))
	case api.RowRevoked:
		j.obstacle(api.ObstacleRowRevoked, stored.Component, j.remove, "%s was revoked, or the key of its certificate, and still has a row", name)
	case api.RowByHand:
		j.byHand(name, stored.Component, c)
		j.usable(name, stored, err)
		j.expiry(name, stored.Component, c)
	}
}

// state is whose a row is, and how it differs from what is in force. c is nil where its certificate cannot be used.
func (j *rowJudge) state(stored fedbiomed.Row, c *mpspdz.Certificate) (string, []api.Change) {
	entry, listed := j.k.list.Entry(stored.Component)
	a := j.inForce[stored.Component]
	var changes []api.Change
	switch {
	case stored.Component == j.k.config.Component.ID:
		return api.RowOwn, nil
	case a != nil:
		changes = differencesOf(stored, c, a.Endpoint, a.Certificate.KeySHA256(), a.Certificate.SHA256())
	case listed && entry.Status == trust.Revoked, c != nil && j.k.list.KeyStatus(c.KeySHA256()) == trust.Revoked:
		return api.RowRevoked, nil
	case listed && entry.Status == trust.Approved: // nothing heard of it yet: what the list pins is all there is to compare with
		changes = differencesOf(stored, c, entry.Endpoint, entry.Key, entry.Certificate)
	default:
		return api.RowByHand, nil
	}
	if len(changes) > 0 {
		return api.RowOutdated, changes
	}
	return api.RowOurs, nil
}

// differencesOf compares a row with what is in force; zero values are not compared.
func differencesOf(stored fedbiomed.Row, c *mpspdz.Certificate, endpoint mpspdz.Endpoint, key, certificate mpspdz.Hash) []api.Change {
	var changes []api.Change
	compare := func(field, present, wanted string) {
		if present != wanted {
			changes = append(changes, api.Change{Field: field, Old: present, New: wanted})
		}
	}
	if !endpoint.IsZero() {
		compare("address", stored.IP, endpoint.Host())
		compare("port", stored.Port, strconv.Itoa(int(endpoint.Port())))
	}
	presentKey, present := "none that can be used", "none that can be used"
	if c != nil {
		presentKey, present = c.KeySHA256().String(), c.SHA256().String()
	}
	switch {
	case !certificate.IsZero():
		compare("certificate", present, certificate.String())
	case !key.IsZero():
		compare("key", presentKey, key.String())
	}
	return changes
}

// changesText is one line, safe to print.
func changesText(changes []api.Change) string {
	var all []string
	for _, c := range changes {
		old := []rune(exchange.ShowText(c.Old))
		if len(old) == 0 {
			old = []rune("none")
		}
		all = append(all, fmt.Sprintf("%s %s, not %s", c.Field, string(old[:min(len(old), maxShownValue)]), c.New))
	}
	return strings.Join(all, "; ")
}

// byHand tells what can be done about a row of somebody whom nobody approved.
func (j *rowJudge) byHand(name, component string, c *mpspdz.Certificate) {
	text, cure := "nothing has been heard of it", "let that site run fbpeer and approve it here, or "+cureRowRemove
	if entry, listed := j.k.list.Entry(component); listed && entry.Status == trust.Denied {
		text, cure = "it was denied", cureRowRemove
	} else if claims := j.claims(component); len(claims) > 0 {
		text, cure = "who announces itself as it has another certificate: ask that site's operator which is right", "fbpeer trust pending"
		if slices.ContainsFunc(claims, func(a *exchange.Announcement) bool { return c != nil && a.Certificate.SHA256() == c.SHA256() }) {
			text, cure = "it announces this very certificate", "fbpeer trust approve --registered"
		}
	}
	j.obstacle(api.ObstacleRowByHand, component, cure, "%s is registered by hand, and nobody approved it here; %s", name, text)
}

// claims are the announcements of a component that wait for a decision.
func (j *rowJudge) claims(component string) []*exchange.Announcement {
	var all []*exchange.Announcement
	for id, a := range j.k.newest {
		if a.Component == component && j.k.evaluation.Decisions[id].Verdict == trust.VerdictPending && j.k.sameKind(a) {
			all = append(all, a)
		}
	}
	return all
}

// usable says what MP-SPDZ would make of a row that no approval has looked at.
func (j *rowJudge) usable(name string, stored fedbiomed.Row, certificate error) {
	if _, err := mpspdz.ParsePort(stored.Port); err != nil {
		j.obstacle(api.ObstacleRowPort, stored.Component, "register it anew with the right port, or "+cureRowRemove, "%s has no port there: %v", name, err)
	}
	if _, err := mpspdz.ParseHost(stored.IP); err != nil {
		j.obstacle(api.ObstacleRowAddress, stored.Component, "register it anew with the right address, or "+cureRowRemove, "%s has no address there: %v", name, err)
	}
	if certificate != nil {
		j.obstacle(api.ObstacleRowCertificate, stored.Component, cureRowRemove+"; its site makes another certificate",
			"%s has a certificate there that must not be used: %s", name, exchange.ShowText(certificate.Error()))
	}
}

// expiry looks at the time of a row's certificate.
func (j *rowJudge) expiry(name, component string, c *mpspdz.Certificate) {
	const cure = "its site makes a new one, and you approve it"
	switch {
	case c == nil:
	case c.CheckTime(j.now) != nil:
		j.obstacle(api.ObstacleRowExpired, component, cure, "%s has a certificate there that is out of its time: %v", name, c.CheckTime(j.now))
	case c.NotAfter().Sub(j.now) < rowExpirySoon:
		j.warn(api.WarnRowExpires, name+" has a certificate there that ends on "+c.NotAfter().Format(time.DateOnly), cure)
	}
}

// form warns of right values that a sync would write otherwise: MP-SPDZ and Fed-BioMed read them alike.
func (j *rowJudge) form(name string, stored fedbiomed.Row, c *mpspdz.Certificate) {
	a := j.inForce[stored.Component]
	if a == nil {
		return
	}
	var what []string
	if kind := strings.ToUpper(string(a.Role)); stored.Kind != kind {
		what = append(what, fmt.Sprintf("component %s, not %s, which nothing reads", exchange.ShowText(stored.Kind), kind))
	}
	if c != nil && stored.Certificate != string(c.PEM()) {
		what = append(what, "the certificate with other line ends, or with text around it")
	}
	if len(what) > 0 {
		j.warn(api.WarnRowForm, name+" has its values there in another form: "+strings.Join(what, "; "), j.write)
	}
}

// findMissing adds who is approved and has no row.
func (j *rowJudge) findMissing() {
	approved := j.k.evaluation.InForce // also whose row waits for trust.ini to be written
	for _, component := range slices.Sorted(maps.Keys(approved)) {
		if !j.seen[component] && j.k.sameKind(approved[component]) {
			j.obstacle(api.ObstacleRowMissing, component, j.write, "%s is approved, and has no row", component)
		}
	}
	for _, entry := range j.k.evaluation.Absent {
		if entry.Role != mpspdz.PlainParty {
			j.warn(api.WarnNotHeard, entry.Component+" is approved, but nothing that matches its pins in trust.ini has been heard: no row is written for it",
				"wait for its announcement; if its values have changed, approve them")
		}
	}
}
