package main

import (
	"fmt"
	"os"
	"strings"

	"fbpeer/agent/api"
)

// deed is something to be done as a person reads it: who, what is wrong, and the cure.
type deed struct{ who, what, cure string }

// deed puts an obstacle into a line: its component in front, and its command as it is typed there, or here.
func (v view) deed(s api.Snapshot, o api.Obstacle) deed {
	who := o.Component
	if who == "" {
		who = s.Self.Component
	}
	d := deed{who: v.object(s.Self.Component, who), what: v.renamed(o.Text), cure: v.typeable(o.Cure)}
	switch {
	case o.Code == api.ObstacleNotHeard:
		// Half of that cure is typed there, half here.
		d.cure = "start its agent, or correct the name: " + v.prog + " peers lists who is known"
	case o.Code == api.ObstacleSecaggOff:
		// Likewise: one site's operator does the first, who asks does the second.
		d.cure = v.typeable(addressed(v.prog, o.Cure))
	case who == s.Self.Component:
		d.cure = v.typeable(addressedHere(v.prog, o.Cure))
	}
	if rest, ok := strings.CutPrefix(d.what, v.brief(who)+" "); ok {
		d.what = rest
	}
	return d
}

// addressedHere is addressed for a cure that may go on with what another site's operator types, without the flags of this one.
func addressedHere(prog, cure string) string {
	if i := strings.Index(cure, "'s operator"); i >= 0 {
		return addressed(prog, cure[:i]) + cure[i:]
	}
	return addressed(prog, cure)
}

// object is a component as one that something is done to.
func (v view) object(self, component string) string {
	if component == self {
		return "this site"
	}
	return v.brief(component)
}

// renamed shortens the long ids in an agent's text, and calls the components as they are called here. Where the text says "alias (id)"
// already, the alias stands once.
func (v view) renamed(text string) string {
	var named []string
	for _, id := range v.ids {
		if v.aliases[id] != "" {
			named = append(named, show(v.named(id)), v.called(id))
		}
	}
	return v.withIDs(text, v.brief, named...)
}

// typeable shortens the long ids in an agent's command, so that it can be typed here and elsewhere.
// Whose operator types it is for reading.
func (v view) typeable(text string) string {
	var operators []string
	for _, id := range v.ids {
		operators = append(operators, id+"'s operator", v.short(id)+"'s operator")
	}
	return v.withIDs(text, v.prefix, operators...)
}

// withIDs gives the ids in a text other names, but for those in a path, which is there to be typed. A short id may be any word, and stays.
// first are pairs of old and new that go before.
func (v view) withIDs(text string, name func(string) string, first ...string) string {
	pairs := first
	for _, id := range v.ids {
		if v.prefix(id) != id {
			for _, before := range []string{string(os.PathSeparator), "_"} { // a folder of that name; db_NODE_….json
				pairs = append(pairs, before+id, before+id)
			}
			pairs = append(pairs, id, name(id))
		}
	}
	return strings.NewReplacer(pairs...).Replace(show(text))
}

// obstaclesShown is how many lines of a table a person reads.
const obstaclesShown = 40

// obstacleTable lists who must do what: a line each where all lines fit, else the cure below.
func (v view) obstacleTable(s api.Snapshot, obstacles []api.Obstacle) string {
	more := len(obstacles) - obstaclesShown
	if more > 0 {
		obstacles = obstacles[:obstaclesShown]
	}
	wide := table{indent: "  "}
	var deeds []deed
	for _, o := range obstacles {
		d := v.deed(s, o)
		deeds = append(deeds, d)
		wide.add(d.who, d.what, d.cure)
	}
	text := wide.String()
	if !fits(text) {
		text = stacked(deeds)
	}
	if more > 0 {
		text += fmt.Sprintf("  and %d more: --json lists all\n", more)
	}
	return text
}

func stacked(deeds []deed) string {
	width := 0
	for _, d := range deeds {
		width = max(width, displayWidth(d.who))
	}
	width = min(width, 24)
	indent := strings.Repeat(" ", width+4)
	var b strings.Builder
	for _, d := range deeds {
		b.WriteString(wrap("  "+pad(elide(d.who, width), width)+"  ", d.what, indent))
		if d.cure != "" {
			b.WriteString(wrap(indent, d.cure, indent+"  "))
		}
	}
	return b.String()
}
