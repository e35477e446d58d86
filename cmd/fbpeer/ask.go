package main

import (
	"bufio"
	"fmt"
	"io"
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

// consent shows what is asked about, and asks: yes or no. refusal is what a no comes to, hint the cure where nobody can be asked.
func (a *app) consent(question string, yes bool, refusal, hint string) error {
	if err := a.tell(question); err != nil {
		return err
	}
	switch {
	case yes:
		return nil
	case !a.interactive:
		return usage(hint, "nobody can be asked: stdin is not a terminal")
	}
	return a.ask(refusal, "yes/no", "'yes' or 'no'", nil)
}

// tell prints what a person should read beside the answer: on stderr where that is JSON.
func (a *app) tell(text string) error {
	out := a.stdout
	if a.json {
		out = a.stderr
	}
	_, err := io.WriteString(out, text)
	return err
}
