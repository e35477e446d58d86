package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestHelpFits: what any command says of itself can be read in a terminal of 100 columns, its flags among it.
func TestHelpFits(t *testing.T) {
	a, _, _ := testApp("", false)
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		c.InitDefaultHelpFlag()
		// The usage has the examples, the rendered flags and, of a parent, the list of its commands.
		for line := range strings.SplitSeq(c.Long+"\n"+c.UsageString(), "\n") {
			if displayWidth(line) > columns {
				t.Errorf("%s: %d columns: %s", c.CommandPath(), displayWidth(line), line)
			}
		}
		for _, child := range c.Commands() {
			walk(child)
		}
	}
	walk(newRoot(a))
}
