package main

// object is a component as one that something is done to.
func (v view) object(self, component string) string {
	if component == self {
		return "this site"
	}
	return v.brief(component)
}
