package exchange

import (
	"bytes"
	"errors"
	"strings"

	"fbpeer/mpspdz"
)

// Secagg is a node's policy for secure aggregation; empty for a researcher and a plain party.
type Secagg string

// The three policies of Fed-BioMed (secure_aggregation, force_secure_aggregation).
const (
	SecaggOff      Secagg = "off"
	SecaggOptional Secagg = "optional"
	SecaggForced   Secagg = "forced"
)

// Registration is what a component says of itself: the part of an announcement that its site decides.
type Registration struct {
	Component   string              // mpspdz.CheckComponentID; its prefix must suit Role
	Role        mpspdz.Role         // researcher, node or party
	Label       string              // optional; claimed, at most MaxLabel visible characters
	Endpoint    mpspdz.Endpoint     // what others dial
	Secagg      Secagg              // needed for a node, empty for the others
	Certificate *mpspdz.Certificate // the MP-SPDZ certificate
	Next        mpspdz.Hash         // SHA-256 of the public key (SubjectPublicKeyInfo) that will follow; zero: none
}

// same says whether nothing that a site decides differs.
func (r Registration) same(o Registration) bool {
	return r.Component == o.Component && r.Role == o.Role && r.Label == o.Label && r.Endpoint == o.Endpoint &&
		r.Secagg == o.Secagg && r.Next == o.Next && bytes.Equal(der(r.Certificate), der(o.Certificate))
}

func der(c *mpspdz.Certificate) []byte {
	if c == nil {
		return nil
	}
	return c.DER()
}

// check holds every rule on values (not on their encoding), except the certificate's, which its type holds.
func (r Registration) check() error {
	if err := mpspdz.CheckComponentID(r.Component); err != nil {
		return refuse(CodeField, "component", r.Component, err)
	}
	if err := checkRole(r.Component, r.Role); err != nil {
		return err
	}
	if err := checkLabel(r.Label); err != nil {
		return refuse(CodeField, "label", r.Label, err)
	}
	if r.Endpoint.IsZero() {
		return refuse(CodeField, "endpoint", "", errors.New("is missing"))
	}
	return checkSecagg(r.Role, r.Secagg)
}

// checkRole holds ids and roles together, so that a plain party cannot pass for a Fed-BioMed component nor the other
// way round.
func checkRole(component string, role mpspdz.Role) error {
	prefix, _, found := strings.Cut(component, "_")
	implied := mpspdz.PlainParty
	if found {
		switch strings.ToLower(prefix) {
		case "node":
			implied = mpspdz.Node
		case "researcher":
			implied = mpspdz.Researcher
		}
	}
	oneCase := prefix == strings.ToLower(prefix) || prefix == strings.ToUpper(prefix)
	switch {
	case implied != mpspdz.PlainParty && !oneCase:
		return refuse(CodeField, "component", component, errors.New("the prefix must be all upper or all lower case"))
	case role != implied:
		return refuse(CodeField, "role", string(role), errors.New("does not suit the component's id: "+
			"NODE_… or node_… is a node, RESEARCHER_… or researcher_… a researcher, any other a party"))
	}
	return nil
}

func checkSecagg(role mpspdz.Role, policy Secagg) error {
	if role != mpspdz.Node {
		if policy != "" {
			return refuse(CodeField, "secagg", string(policy), errors.New("only a node has a policy"))
		}
		return nil
	}
	switch policy {
	case SecaggOff, SecaggOptional, SecaggForced:
		return nil
	case "":
		return refuse(CodeField, "secagg", "", errors.New("is missing: a node announces off, optional or forced"))
	}
	return refuse(CodeField, "secagg", string(policy), errors.New("is not off, optional or forced"))
}
