// Package probe checks before a run that the members of a party set reach each other's real MP-SPDZ ports and accept each other there.
package probe
