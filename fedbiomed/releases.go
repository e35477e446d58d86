package fedbiomed

import "fmt"

// since says which release of Fed-BioMed first wrote a key that Load reads: established from the sources of its tags v4.1 to v5.4.0.
// `configuration create` of that release and of each later one up to 5.3 writes it. v4.1 and earlier had node_id and researcher_id
// instead of id, and no secure aggregation.
//
//	4.2  [default] id, component; [mpspdz] with its first four keys; [mqtt]
//	4.3  [mpspdz] allow_default_biprimes; [security] secure_aggregation, force_secure_aggregation
//	4.4  [default] version (1)
//	5.0  [default] db; [mpspdz] default_biprimes_dir; version 2; NODE_ and RESEARCHER_ in upper case; [mqtt] is gone
//	5.3  [security] secagg_insecure_validation, at the researcher too
//	5.4  [certificate] instead of [mpspdz]
func since(section, key string) string {
	switch section + " " + key {
	case "default id", "default component", "mpspdz private_key", "mpspdz public_key", "mpspdz mpspdz_ip", "mpspdz mpspdz_port":
		return "4.2"
	case "security secure_aggregation", "security force_secure_aggregation":
		return "4.3"
	case "default db":
		return "5.0"
	}
	return ""
}

// noMPSPDZ is the error of a configuration without [mpspdz], by what else it has. Of a release that needs none it is said in one
// sentence: there is nothing to mend.
func (r *reader) noMPSPDZ(shown string) error {
	if r.doc.Has("certificate") {
		return &Error{File: shown, Problem: "this is Fed-BioMed 5.4 or later, which no longer uses MP-SPDZ and needs no fbpeer"}
	}
	e := &Error{File: shown, Section: "mpspdz", Problem: "the section is missing",
		Hint: "Fed-BioMed 5.4 and later no longer use MP-SPDZ and need no fbpeer; if this is an earlier one, " +
			"restore the section from a backup, or make the component anew"}
	_, node := r.doc.Get("default", "node_id")
	_, researcher := r.doc.Get("default", "researcher_id")
	if node || researcher {
		e.Hint = "this is Fed-BioMed 4.1 or earlier, which has no secure aggregation: make the component anew with a release from 4.2 to 5.3"
	}
	return e
}

// missing is what is wrong with a key that is not there.
func missing(section, key string) string {
	problem := "the key is missing or empty"
	if release := since(section, key); release != "" {
		problem += fmt.Sprintf(" (Fed-BioMed writes it since %s)", release)
	}
	return problem
}

// versioned says whether the configuration is of a release that writes a version, and which: "" before 4.4, 1 in 4.4 and 4.5, 2 in 5.x.
func (r *reader) versioned() string {
	version, _ := r.doc.Get("default", "version")
	return version
}
