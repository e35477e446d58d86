package trust

import "fbpeer/mpspdz"

// ByAlias and KeyStatus look into what a list parsed to; only this package decides by it.

func (l List) ByAlias(alias string) (Entry, bool) { return l.byAlias(alias) }

func (l List) KeyStatus(k mpspdz.Hash) Status { return l.keyStatus(k) }
