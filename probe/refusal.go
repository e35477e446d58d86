package probe

// Refusal is why a member takes no part in a round, as it tells the coordinator.
type Refusal struct {
	Reason Reason
}

// Reason is a kind of Refusal.
type Reason byte

// What an agent may answer instead of taking part.
const (
	ReasonNotAccepted Reason = iota + 1 // the coordinator is not accepted at this site
	ReasonNoSet                         // no set of that name is in force at this site
)

// Error is for logs.
func (r *Refusal) Error() string {
	if r.Reason == ReasonNotAccepted {
		return "the coordinator is not accepted here"
	}
	return "no set of that name is in force here"
}
