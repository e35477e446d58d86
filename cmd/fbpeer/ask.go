package main

import (
	"bufio"
	"fmt"
	"strings"
)

// ask puts the question to the operator until there is an answer; nil is yes. forms and words name the answers; refusal is what a no
// means. other, if not nil, takes what is neither yes nor no: it says whether that is an answer, and which.
func (a *app) ask(refusal, forms, words string, other func(answer string) (bool, error)) error {
	lines := bufio.NewScanner(a.stdin)
	fmt.Fprintf(a.stderr, "Proceed? (%s) ", forms)
	for lines.Scan() {
		switch answer := strings.TrimSpace(lines.Text()); strings.ToLower(answer) {
		case "yes":
			return nil
		case "no":
			return refused("", "%s; nothing was changed", refusal)
		default:
			if other == nil {
				break
			}
			if known, err := other(answer); known {
				return err
			}
		}
		fmt.Fprintf(a.stderr, "Please type %s: ", words)
	}
	fmt.Fprintln(a.stderr)
	return refused("", "no answer; nothing was changed")
}
