package probe

// Refusal is why a member takes no part in a round, as it tells the coordinator.
type Refusal struct {
	Reason Reason
	Detail string // what a person should know beyond that, at most 120 bytes; for ReasonFailed
}

// Reason is a kind of Refusal.
type Reason byte

// What an agent may answer instead of taking part.
const (
	ReasonNotAccepted Reason = iota + 1 // the coordinator is not accepted at this site
	ReasonNoSet                         // no set of that name is in force at this site
	ReasonFailed                        // this site cannot, see Detail
)

// Error is for logs.
func (r *Refusal) Error() string { return r.Detail }
