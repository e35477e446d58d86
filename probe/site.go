package probe

import "fbpeer/mpspdz"

// Site is what one member brings to a round: what is in force there. Plain parties are judged by the new rule for names, Fed-BioMed's
// components by the old one.
type Site struct {
	SetName   string          // of a named set; empty for the default set
	Set       mpspdz.PartySet // in force
	Component string          // the own one, a member of Set
	BindPort  uint16          // what MP-SPDZ binds here

	// Authorities are those that the operator set: no other may stand in Folder.
	Authorities mpspdz.Authorities

	Folder string // of the player files in force, such as players/current; a link is followed once, when the port is opened
	Off    bool   // [probe] answer = off: the port is not opened, and nobody is dialled for others
}
