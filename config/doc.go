// Package config finds out which component a command is about and reads everything that is one's own: the component's
// configuration, fbpeer.ini, the federation file, the MP-SPDZ key and certificate, flags and environment. It also makes what
// `federation create`, `join`, `init`, `cert generate` and `component create --role party` make.
//
// # Which component
//
// Selector says it: one of a component's configuration (a bare name is looked up in $FEDBIOMED_DIR/etc and ./etc), an fbpeer.ini, or
// a state folder; else FBPEER_COMPONENT, FBPEER_CONFIG or FBPEER_STATE; else the only component in those two folders.
//
// A Fed-BioMed component's state lies in <root>/var/fbpeer/<id> (var/fbpeer-dev/<id> for `dev`), where an fbpeer.ini is read if
// there is one; its lock is <root>/var/fbpeer/<id>.lock for both. Started from an fbpeer.ini, the state is that file's folder, and
// a plain party's lock lies in it as <id>.lock. [agent] state puts the state elsewhere, --state above all.
//
// # fbpeer.ini
//
// Values come from a flag, from FBPEER_<SECTION>_<KEY>, from the file, or from the default, in this order; an empty one is as good as
// none. Relative paths in the file are relative to it, others to the working directory. The keys are those in the file that
// CreateParty, InitParty and Config.Init write; a section or key that is none
// of them is an error with its line, and so is a variable FBPEER_<SECTION>_… that is none. [component] label is the announcement's
// label, claimed by its site. Settings that only a later release will honour are accepted at their defaults and refused otherwise:
// nothing is ignored without a word.
// Config.Settings tells each value's source.
//
// # The federation file
//
//	; comments
//	[federation]
//	name = cardio
//	secret = <32 bytes, base64 or 64 hexadecimal digits>
//	bootstrap = 10.0.0.1, agent.hospital-b.example:4100
//	development = true
//
// In the dialect Ours of package inidoc, mode 0600, nothing else in it. bootstrap (comma-separated, may be empty) and development
// may be missing. The file is the one that --federation, FBPEER_FEDERATION_FILE or [federation] file names, else the only
// *.federation in the state folder (beneath var/fbpeer-dev also in the folder above it, where `dev` may keep one for all).
//
// # Key and certificate
//
// LoadKeyPair reads them, CheckPair judges them, and MakePair, whose comment has the sequence of writes and what a crash at each point
// leaves, makes new ones. While the two differ, nobody announces anything. LoadAuthorities reads the certificates of authorities that a
// plain party trusts, and to one of which its own certificate must lead unless it is self-signed; a Fed-BioMed component has none.
//
// StagePair makes a pair that will follow, in one file of the state folder (next.pem); LoadNext reads it, DiscardNext drops it, and
// ActivatePair puts it in place in MakePair's steps.
//
// # Errors
//
// All that is wrong with one's own files is an *Error: what, where, and in Hint the cure. Commands exit 2 with it.
package config
