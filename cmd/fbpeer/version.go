package main

import (
	"io"
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
			_, err := io.WriteString(a.stdout, versionLine())
			return err
		},
	}
}

// versionLine is what `version` and --version print.
func versionLine() string {
	text := "fbpeer " + version
	if c := commit(); c != "" {
		text += " (" + c + ")"
	}
	return text + " " + runtime.Version() + "\n"
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
