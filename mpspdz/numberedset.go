package mpspdz

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
)

// NewOrderedPartySet makes the set of a proposal, whose order is the proposer's: plain parties only, two at least, party i at index i.
// Otherwise it checks what NewPartySet does. The error is a *SetError.
func NewOrderedPartySet(parties []Party) (PartySet, error) {
	return checked(slices.Clone(parties), checkPlain)
}

// checkPlain refuses Fed-BioMed's components: their order, their names and their certificates are Fed-BioMed's.
func checkPlain(parties []Party) *SetError {
	var others []string
	for _, p := range parties {
		if p.Role != PlainParty {
			others = append(others, p.Component)
		}
	}
	if len(others) == 0 {
		return nil
	}
	return &SetError{SetNotPlain, others, "this is for plain MP-SPDZ only, and these are Fed-BioMed's: " + listed(others),
		"name plain parties only; Fed-BioMed fixes the order and the certificates of its components itself"}
}

// Plan is what the parties of a set agree on before each issues a certificate for its number: order, ids, advertised endpoints and
// keys, in the encoding of the package comment. It stays the same when WithCertificates replaces the certificates.
func (s PartySet) Plan() Hash {
	h := sha256.New()
	h.Write([]byte("fbpeer-party-plan-v1\x00"))
	writeLength(h, len(s.parties))
	for _, p := range s.parties {
		writeField(h, []byte(p.Component))
		writeField(h, []byte(p.Endpoint.String()))
		h.Write(p.Certificate.keyHash[:])
	}
	return Hash(h.Sum(nil))
}

// CheckNames checks that MP-SPDZ accepts each party's certificate as that party's: the old build for Fed-BioMed's components, which
// use it; the old or the new one for plain parties. The error is a *SetError with SetWrongNumber; it tells which numbers the first
// wrong certificate does name.
func (s PartySet) CheckNames() error {
	var wrong []int
	for i, p := range s.parties {
		accepted := p.Certificate.NameOld(i) || p.Role == PlainParty && p.Certificate.NameNew(i)
		if !accepted || p.Certificate.facts.noTLSClient {
			wrong = append(wrong, i)
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	first := s.parties[wrong[0]]
	text := fmt.Sprintf("%s is party %d, and its certificate names %s", first.Component, wrong[0], first.Certificate.numbersNamed())
	if first.Certificate.facts.noTLSClient {
		text = fmt.Sprintf("%s is party %d, and its certificate %s", first.Component, wrong[0], first.Certificate.WorksWith())
	}
	return s.wrongNumbers(text, wrong)
}

// wrongNumbers is the error for these parties; text tells of the first.
func (s PartySet) wrongNumbers(text string, wrong []int) *SetError {
	var ids []string
	for _, i := range wrong {
		ids = append(ids, s.parties[i].Component)
	}
	slices.Sort(ids)
	if len(ids) > 1 {
		text += fmt.Sprintf("; and so for %d more", len(ids)-1)
	}
	cure := "make a certificate for any party number: " + cureNew
	if s.parties[wrong[0]].Role == PlainParty {
		cure = cureNumber
	}
	return &SetError{SetWrongNumber, ids, text, cure}
}

// WithCertificates is the set with each party's certificate replaced by the one for its number, party i's at index i: made with the
// same key, proving number i alone, and with a subject that clashes with no other's. For plain sets. The error is a *SetError.
func (s PartySet) WithCertificates(certificates []*Certificate) (PartySet, error) {
	if err := checkPlain(s.parties); err != nil {
		slices.Sort(err.Components)
		return PartySet{}, err
	}
	if len(certificates) != len(s.parties) {
		return PartySet{}, &SetError{SetIncomplete, nil,
			fmt.Sprintf("%d certificates for %d parties", len(certificates), len(s.parties)), "wait for the others' certificates"}
	}
	parties := slices.Clone(s.parties)
	for i, c := range certificates {
		id := parties[i].Component
		switch {
		case c == nil:
			return PartySet{}, &SetError{SetIncomplete, []string{id}, fmt.Sprintf("%s has no certificate for party %d yet", id, i),
				"wait until its agent has issued it"}
		case c.keyHash != parties[i].Certificate.keyHash:
			return PartySet{}, &SetError{SetWrongKey, []string{id},
				fmt.Sprintf("the certificate of %s for party %d is not of its approved key", id, i),
				"let its agent issue it again; if it goes on, ask its operator"}
		}
		if err := c.ProvesNumber(i); err != nil {
			return PartySet{}, s.notProven(i, err)
		}
		parties[i].Certificate = c
	}
	return checked(parties, checkPlain)
}

// notProven is ProvesNumber's error, with the party's id.
func (s PartySet) notProven(party int, err error) *SetError {
	id, cure := s.parties[party].Component, ""
	var bad *CertificateError
	if errors.As(err, &bad) {
		cure = bad.Cure
	}
	return &SetError{SetWrongNumber, []string{id}, fmt.Sprintf("%s is party %d: %s", id, party, err), cure}
}
