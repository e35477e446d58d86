package api

// NotifyRequest asks for the notification command to be run with a test event.
type NotifyRequest struct{}

// NotifyResult is what came of it. OK: exit code 0 within the time.
type NotifyResult struct {
	OK      bool     `json:"ok"`
	Command []string `json:"command"`
	Exit    int      `json:"exit"`            // -1: it was not started, or was ended
	Output  string   `json:"output"`          // the last 4 KiB that it printed, escaped
	Error   string   `json:"error,omitempty"` // why it is not a yes
}
