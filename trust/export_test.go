package trust

// ByAlias looks into what a list parsed to; only this package decides by it.
func (l List) ByAlias(alias string) (Entry, bool) { return l.byAlias(alias) }
