package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version of this release.
const version = "0.1.0"

// versionJSON is `version --json`.
type versionJSON struct {
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"`
	Go      string `json:"go"`
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "the version of fbpeer",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			v := versionJSON{Version: version, Commit: commit(), Go: runtime.Version()}
			if a.json {
				return a.printJSON(v)
			}
			text := "fbpeer " + v.Version
			if v.Commit != "" {
				text += " (" + v.Commit + ")"
			}
			_, err := fmt.Fprintf(a.stdout, "%s %s\n", text, v.Go)
			return err
		},
	}
}

// commit is what the Go tool noted of the repository when it built this program.
func commit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	hash, modified := "", ""
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			hash = s.Value[:min(12, len(s.Value))]
		case "vcs.modified":
			if s.Value == "true" {
				modified = "+"
			}
		}
	}
	if hash == "" {
		return ""
	}
	return hash + modified
}
