package trust

import (
	"slices"
	"strings"

	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/internal/inidoc"
	"fbpeer/mpspdz"
)

// List is the operator's file, parsed. Immutable; edits return a new one and keep comments and order. The zero List is empty.
type List struct {
	doc        *inidoc.Document // nil: empty
	entries    []Entry          // component sections, in file order
	bars       []bar            // sections of identities and keys, in file order
	components map[string]int   // index into entries
	aliases    map[string]int
	approved   map[peer.ID]int // approved entries by what they pin
	peers      map[peer.ID]Status
	keys       map[mpspdz.Hash]Status
}

// bar is a section [peer …] or [key …].
type bar struct {
	section   string
	status    Status
	component string
	peer      peer.ID     // of [peer P] P; of a key section the identity that had it, if stated
	key       mpspdz.Hash // zero in [peer …]
}

// newList parses the document's sections.
func newList(doc *inidoc.Document) (List, error) {
	l := List{
		doc: doc, components: map[string]int{}, aliases: map[string]int{}, approved: map[peer.ID]int{},
		peers: map[peer.ID]Status{}, keys: map[mpspdz.Hash]Status{},
	}
	for _, section := range doc.Sections() {
		if strings.HasPrefix(section, peerSection) || strings.HasPrefix(section, keySection) {
			b, err := parseBar(doc, section)
			if err != nil {
				return List{}, err
			}
			l.bars = append(l.bars, b)
			continue
		}
		e, err := parseEntry(doc, section)
		if err != nil {
			return List{}, err
		}
		l.entries = append(l.entries, e)
	}
	if err := l.index(); err != nil {
		return List{}, err
	}
	return l, nil
}

// index fills the maps, and refuses two component sections with one identity or alias.
func (l *List) index() error {
	pinned := map[peer.ID]Entry{}
	for i, e := range l.entries {
		l.components[e.Component] = i
		if other, twice := pinned[e.Peer]; twice && e.Peer != "" {
			return l.doc.Errorf(e.Component, "peer_id", "[%s] peer_id: [%s] has the same one in line %d; an identity is one component: remove one section",
				e.Component, other.Component, l.doc.Line(other.Component, "peer_id"))
		}
		pinned[e.Peer] = e
		if e.Status == Approved {
			l.approved[e.Peer] = i
		} else {
			l.bar(e.Peer, e.Key, e.Status)
		}
	}
	for _, b := range l.bars {
		if b.key.IsZero() {
			l.bar(b.peer, mpspdz.Hash{}, b.status)
		} else {
			l.bar("", b.key, b.status)
		}
	}
	for i, e := range l.entries {
		if e.Alias == "" {
			continue
		}
		if j, taken := l.aliases[e.Alias]; taken {
			return l.doc.Errorf(e.Component, "alias", "[%s] alias: %q is already the alias of [%s] in line %d: choose another",
				e.Component, e.Alias, l.entries[j].Component, l.entries[j].Line)
		}
		if j, taken := l.components[e.Alias]; taken && j != i {
			return l.doc.Errorf(e.Component, "alias", "[%s] alias: %q is the id of the component in line %d: choose another",
				e.Component, e.Alias, l.entries[j].Line)
		}
		l.aliases[e.Alias] = i
	}
	return nil
}

// bar notes a status of an identity and a key, each if stated.
func (l *List) bar(p peer.ID, k mpspdz.Hash, s Status) {
	if p != "" {
		l.peers[p] = stronger(l.peers[p], s)
	}
	if !k.IsZero() {
		l.keys[k] = stronger(l.keys[k], s)
	}
}

// document is the text, also of the zero List.
func (l List) document() *inidoc.Document {
	if l.doc == nil {
		return new(inidoc.Document)
	}
	return l.doc
}

// Bytes is the file's text; of a list that was parsed and not edited, the bytes that were parsed.
func (l List) Bytes() []byte { return l.document().Bytes() }

// Entries lists the component sections in file order.
func (l List) Entries() []Entry { return slices.Clone(l.entries) }

// Entry finds a component's section, of whatever status.
func (l List) Entry(component string) (Entry, bool) { return at(l.entries, l.components, component) }

// ByAlias finds a component's section by its alias.
func (l List) ByAlias(alias string) (Entry, bool) { return at(l.entries, l.aliases, alias) }

// ByPeer finds the approved section that pins this identity.
func (l List) ByPeer(p peer.ID) (Entry, bool) { return at(l.entries, l.approved, p) }

// at looks an entry up in one of the maps.
func at[K comparable](entries []Entry, index map[K]int, key K) (Entry, bool) {
	i, found := index[key]
	if !found {
		return Entry{}, false
	}
	return entries[i], true
}

// PeerStatus is what the list says against an identity: denied or revoked, in a section of its own or in a component's that names it as
// peer_id; the stronger counts. Empty: nothing.
func (l List) PeerStatus(p peer.ID) Status { return l.peers[p] }

// KeyStatus is the same for an MP-SPDZ public key (SHA-256 of its SubjectPublicKeyInfo).
func (l List) KeyStatus(k mpspdz.Hash) Status { return l.keys[k] }

// KeyBar is a section of a key.
type KeyBar struct {
	Key       mpspdz.Hash
	Status    Status
	Component string // empty: not stated
}

// BarredKeys lists the sections of keys in file order.
func (l List) BarredKeys() []KeyBar {
	var all []KeyBar
	for _, b := range l.bars {
		if !b.key.IsZero() {
			all = append(all, KeyBar{Key: b.key, Status: b.status, Component: b.component})
		}
	}
	return all
}

// BarsKeys says whether there is any key that KeyStatus says something against.
func (l List) BarsKeys() bool { return len(l.keys) > 0 }

// Barred says whether an identity is denied or revoked.
func (l List) Barred(p peer.ID) bool { return l.peers[p] != "" }

// Listed gives every identity that is named anywhere in the list, sorted.
func (l List) Listed() []peer.ID {
	var ids []peer.ID
	for _, e := range l.entries {
		ids = append(ids, e.Peer)
	}
	for _, b := range l.bars {
		ids = append(ids, b.peer)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	return slices.DeleteFunc(ids, func(p peer.ID) bool { return p == "" })
}
