package mpspdz

// Role is what a component is in its federation.
type Role string

// The three roles, as they are written in announcements and trust lists.
const (
	Researcher Role = "researcher" // Fed-BioMed's researcher, always party 0
	Node       Role = "node"       // a Fed-BioMed node
	PlainParty Role = "party"      // a plain MP-SPDZ party
)

// maxComponentID is the longest component id in bytes; it is also what X.520 allows for a common name and an organization.
const maxComponentID = 64

// ParseRole accepts exactly the three lower-case names. The error is a *ComponentError.
func ParseRole(s string) (Role, error) {
	switch r := Role(s); r {
	case Researcher, Node, PlainParty:
		return r, nil
	}
	return "", &ComponentError{Value: s, Reason: `is not a role ("researcher", "node" or "party")`}
}

// ComponentError says why Value is no component id or no role.
type ComponentError struct{ Value, Reason string }

// Error quotes the value, so that it can be printed whoever sent it.
func (e *ComponentError) Error() string { return quote(e.Value) + " " + e.Reason }

// CheckComponentID accepts 1 to 64 letters, digits, '.', '_' and '-' (ASCII), the first a letter or digit: a name that is one
// path element on every system. The error is a *ComponentError.
func CheckComponentID(id string) error {
	const form = `is not a component id (letters, digits, ".", "_" and "-", at most 64, the first a letter or digit)`
	if len(id) > maxComponentID || !isPathName(id) {
		return &ComponentError{Value: id, Reason: form}
	}
	return nil
}

// isPathName reports whether s is made of letters, digits, '.', '_' and '-', the first a letter or digit.
func isPathName(s string) bool {
	if s == "" || !isAlphanumeric(s[0]) {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !isAlphanumeric(c) && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

func isAlphanumeric(c byte) bool {
	return isDigit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
