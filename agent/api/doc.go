// Package api holds the types of the agent's control API: what commands, the console and scripts read, and what they may ask for.
//
// They travel as JSON over the agent's private socket, and `--json` prints them. The names of fields, states and codes are the
// contract of the command line: they stay. Absent values are left out.
//
//   - Times are RFC 3339, UTC.
//   - Hashes are "SHA256:" and unpadded base64; BLAKE2b-128 is hexadecimal.
//   - Peer ids are libp2p's base58 form.
//   - Text that came from a peer (a label) is escaped by the agent: printable characters, and \x.. or \u.... for the rest.
//
// The requests:
//
//	GET  /v1/snapshot                  Snapshot
//	POST /v1/trust     TrustRequest -> TrustResult
//	POST /v1/call               {}  -> Snapshot      after a roll call
//	POST /v1/ready      SetSelector -> Ready         after a roll call
//	POST /v1/parties    SetSelector -> PartySet
//	POST /v1/sets        SetRequest -> SetResult
//	POST /v1/probe     ProbeRequest -> Probe
//	POST /v1/notify  NotifyRequest -> NotifyResult
//	POST /v1/registry RegistryRequest -> Registry
//	POST /v1/approve ApproveRequest -> ApproveResult
//	POST /v1/export   ExportRequest -> Card
//	POST /v1/import   ImportRequest -> ImportResult
//
// Everything but status 200 carries an Error as body. The package holds no logic, so that whoever shows things needs nothing else.
package api

// Paths of the control API.
const (
	PathSnapshot = "/v1/snapshot"
	PathTrust    = "/v1/trust"
	PathCall     = "/v1/call"
	PathReady    = "/v1/ready"
	PathParties  = "/v1/parties"
	PathSets     = "/v1/sets"
	PathProbe    = "/v1/probe"
	PathRegistry = "/v1/registry"
	PathApprove  = "/v1/approve"
	PathExport   = "/v1/export"
	PathImport   = "/v1/import"
	PathNotify   = "/v1/notify"
)

// Limits of what is asked for.
const (
	MaxRequest   = 64 << 10 // bytes of a request's body
	MaxImport    = 12 << 20 // bytes of an ImportRequest's: 8 MiB of cards
	MaxApprovals = 1024     // approvals in an ApproveRequest
	MaxApprove   = 1 << 20  // bytes of an ApproveRequest's body
)
