package fedbiomed

import (
	"fmt"
	"strings"

	"fbpeer/mpspdz"
)

// policy reads a node's two switches. Fed-BioMed 4.2 had neither and took part whenever asked; where they are gone from a later
// release's configuration, which can be known of those with a version, that release does not start.
func (r *reader) policy() error {
	if r.c.Role != mpspdz.Node {
		return nil
	}
	const on, force = "secure_aggregation", "force_secure_aggregation"
	_, hasOn := r.find("security", on, "SECURE_AGGREGATION")
	_, hasForce := r.find("security", force, "FORCE_SECURE_AGGREGATION")
	if !hasOn && !hasForce && r.versioned() == "" {
		r.c.Secagg = "optional"
		r.c.Warnings = append(r.c.Warnings, fmt.Sprintf(
			"%s: [security] has neither %s nor %s, as in Fed-BioMed 4.2: taken as optional; 4.3 and later need both", r.short(r.file), on, force))
		return nil
	}
	allowed, err := r.boolean(on, "SECURE_AGGREGATION")
	if err != nil {
		return err
	}
	forced, err := r.boolean(force, "FORCE_SECURE_AGGREGATION")
	if err != nil {
		return err
	}
	switch {
	case allowed && forced:
		r.c.Secagg = "forced"
	case allowed:
		r.c.Secagg = "optional"
	default:
		r.c.Secagg = "off"
		if forced {
			r.c.Warnings = append(r.c.Warnings, r.short(r.file)+": secure aggregation is forced but not allowed: this node refuses every training")
		}
	}
	return nil
}

// boolean reads as configparser's getboolean: 1, yes, true, on and 0, no, false, off, in any case, without blanks around. Fed-BioMed
// itself (4.3 to 5.3) takes true, 1 and t for yes and all else for no, also yes and on: there the person is told. t and f are taken as
// it takes them.
func (r *reader) boolean(key, variable string) (bool, error) {
	v, err := r.required("security", key, variable)
	if err != nil {
		return false, err
	}
	r.c.Sources[key] = v.Value
	switch strings.ToLower(v.Text) {
	case "1", "true", "t":
		return true, nil
	case "yes", "on":
		r.c.Warnings = append(r.c.Warnings, fmt.Sprintf("%s: %q is yes, but Fed-BioMed itself takes it for no: write True", v.Source, v.Text))
		return true, nil
	case "0", "no", "false", "off", "f":
		return false, nil
	}
	return false, r.wrong(v, fmt.Sprintf("%q is neither true nor false", v.Text), r.correct(v, "write True or False", variable))
}
