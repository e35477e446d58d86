package main

// deed is something to be done as a person reads it: who, what is wrong, and the cure.
type deed struct{ who, what, cure string }

// object is a component as one that something is done to.
func (v view) object(self, component string) string {
	if component == self {
		return "this site"
	}
	return v.brief(component)
}
