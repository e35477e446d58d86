package mpspdz

// maxSetName is the longest name of a party set in bytes. It is shorter than the name of a rendered folder, beside which it may stand.
const maxSetName = 32

// SetNameError says why Value is no name of a party set.
type SetNameError struct{ Value, Reason string }

// Error quotes the value, so that it can be printed whoever sent it.
func (e *SetNameError) Error() string { return quote(e.Value) + " " + e.Reason }

// CheckSetName accepts 1 to 32 letters, digits, '.', '_' and '-' (ASCII), the first a letter or digit: a name that is one path element
// on every system. "current" and "default" are taken: by the link to the folder in force, and by the set that has no name. The error
// is a *SetNameError.
func CheckSetName(name string) error {
	switch {
	case name == "current" || name == "default":
		return &SetNameError{name, "is not free as the name of a party set: choose another one"}
	case len(name) > maxSetName || !isPathName(name):
		return &SetNameError{name, `is not a name of a party set (letters, digits, ".", "_" and "-", at most 32, the first a letter or digit)`}
	}
	return nil
}
