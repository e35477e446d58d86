package notify

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"fbpeer/exchange"
)

// Message is what the command is given: one JSON object on its standard input.
type Message struct {
	Federation string    `json:"federation"`
	Component  string    `json:"component"` // whose agent tells it
	Time       time.Time `json:"time"`
	Count      int       `json:"count"` // of all events, also those that are left out
	Events     []Event   `json:"events"`
}

// Test is a message that says only that messages arrive.
func Test(federation, component string, now time.Time) Message {
	return Message{Federation: federation, Component: component, Time: now.UTC(), Count: 1, Events: []Event{{
		Code: CodeTest, Severity: Info, Time: now.UTC(), Component: component, Text: "this is a test: nothing has happened, and messages arrive",
	}}}
}

// Bytes is the JSON object and a newline.
func (m Message) Bytes() ([]byte, error) {
	data, err := json.Marshal(m)
	return append(data, '\n'), err
}

// maxSummary bounds the summary, in bytes.
const maxSummary = 300

// Summary is one line for a subject or a pager.
func (m Message) Summary() string {
	if len(m.Events) == 0 {
		return ""
	}
	text := cutTo(m.Events[0].Code+": "+m.Events[0].Text, maxSummary)
	if m.Count > 1 {
		text += fmt.Sprintf(" (and %d more)", m.Count-1)
	}
	return exchange.ShowText(text)
}

// environment is what the command finds beside the message; the event is the most severe one.
func (m Message) environment() []string {
	code := ""
	if len(m.Events) > 0 {
		code = m.Events[0].Code
	}
	return []string{"FBPEER_EVENT=" + code, "FBPEER_EVENT_COMPONENT=" + m.Component, "FBPEER_FEDERATION=" + m.Federation,
		"FBPEER_COUNT=" + strconv.Itoa(m.Count), "FBPEER_SUMMARY=" + m.Summary()}
}
