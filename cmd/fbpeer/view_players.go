package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"fbpeer/mpspdz"
)

// findingsJSON are errors and warnings with cures that can be typed here. The texts are as mpspdz gives them, with whole ids.
func (v view) findingsJSON(findings []mpspdz.Finding, dir string, chosen selection, kept bool) (obstacles, warnings []findingJSON) {
	write := "players write --dir " + shellWord(show(dir)) + chosen.typed()
	if slices.ContainsFunc(findings, inTheWay) {
		write += " --prune"
	}
	prune := strings.TrimSuffix(write, " --prune") + " --prune"
	if kept {
		write, prune = "run", "run"
	}
	typed := strings.NewReplacer("players write --dir DIR --prune", prune, "players write --dir DIR", write,
		"openssl rehash "+mpspdz.PlayerData, "openssl rehash "+placeIn(dir, mpspdz.PlayerData))
	obstacles, warnings = parted(findings)
	for _, list := range [][]findingJSON{obstacles, warnings} {
		for i := range list {
			f := &list[i]
			if mode, ok := strings.CutSuffix(f.Cure, " "+f.Where); ok && strings.HasPrefix(f.Cure, "chmod ") {
				f.Cure = mode + " " + placeIn(dir, f.Where)
			}
			if len(chosen.words) > 0 && strings.Contains(f.Cure, "per-party") { // only sets that are in force have numbered ones
				f.Cure = "numbered certificates are issued for sets that are proposed: fbpeer set propose NAME" + chosen.typed()
			}
			f.Cure = addressed(v.prog, typed.Replace(f.Cure))
		}
	}
	return obstacles, warnings
}

// placeIn is a file in a folder as both are typed in a shell.
func placeIn(dir, where string) string {
	return shellWord(show(filepath.Join(dir, filepath.FromSlash(where))))
}

// inTheWay says whether something was found that players write leaves alone without --prune, and refuses.
func inTheWay(f mpspdz.Finding) bool {
	return slices.Contains([]string{mpspdz.FolderSurplus, mpspdz.FolderStranger, mpspdz.FolderStrayKey, mpspdz.FolderSeveralKeys, mpspdz.FolderDangling,
		mpspdz.FolderUnreached, mpspdz.FolderWrongHash, mpspdz.FolderRevocation, mpspdz.FolderOwnNumber}, f.Code)
}

// parted are what is an error, and what is only a warning, as they were found.
func parted(findings []mpspdz.Finding) (obstacles, warnings []findingJSON) {
	obstacles, warnings = []findingJSON{}, []findingJSON{}
	for _, f := range findings {
		shown := findingJSON{f.Code, f.Component, f.Where, f.Text, f.Cure}
		if f.Error {
			obstacles = append(obstacles, shown)
		} else {
			warnings = append(warnings, shown)
		}
	}
	return obstacles, warnings
}

// checkScreen is `players check`.
func (v view) checkScreen(r checkJSON) string {
	against := "compared with no set"
	if r.Digest != "" {
		against = "compared with set " + shortDigest(r.Digest)
	}
	if r.others {
		against += ", the default one; another: --set or --parties"
	}
	return fmt.Sprintf("%s: %s; %s\n", show(r.Dir), findingTally(r.Obstacles, r.Warnings), against) + v.findingTables(r.Obstacles, r.Warnings)
}

// findingTally counts errors and warnings.
func findingTally(obstacles, warnings []findingJSON) string {
	var said []string
	if n := len(obstacles); n > 0 {
		said = append(said, count(n, "error"))
	}
	if n := len(warnings); n > 0 {
		said = append(said, count(n, "warning"))
	}
	if len(said) == 0 {
		return "sound"
	}
	return strings.Join(said, " and ")
}

// findingTables are the errors, then the warnings.
func (v view) findingTables(obstacles, warnings []findingJSON) string {
	text := ""
	if len(obstacles) > 0 {
		text += "\nwould fail, or is not safe:\n" + v.findingTable(obstacles)
	}
	if len(warnings) > 0 {
		text += "\nwarnings:\n" + v.findingTable(warnings)
	}
	return text
}

// maxWhere is the widest column of places; a longer one has a line of its own.
const maxWhere = 28

// findingTable is a block for each finding: where, what, and below it the cure, once for all that follow each other with the same.
func (v view) findingTable(findings []findingJSON) string {
	more := len(findings) - obstaclesShown
	findings = findings[:min(len(findings), obstaclesShown)]
	width := 0
	for _, f := range findings {
		if w := displayWidth(show(f.Where)); w <= maxWhere {
			width = max(width, w)
		}
	}
	indent := strings.Repeat(" ", width+4)
	var b strings.Builder
	for i, f := range findings {
		where := show(f.Where)
		head := "  " + pad(where, width) + "  "
		if displayWidth(where) > width {
			b.WriteString("  " + where + "\n")
			head = indent
		}
		b.WriteString(wrap(head, v.renamed(f.Text), indent))
		if i == len(findings)-1 || findings[i+1].Cure != f.Cure {
			b.WriteString(v.cure(f.Cure, indent))
		}
	}
	if more > 0 {
		fmt.Fprintf(&b, "  and %d more: --json lists all\n", more)
	}
	return b.String()
}

// cure is what to do.
func (v view) cure(text, indent string) string {
	return wrapCure(indent+"-> ", v.typeable(text), indent+"   ", v.prog)
}

// writtenScreen is `players write`.
func (v view) writtenScreen(w writtenJSON) string {
	dir := shellWord(show(w.Dir))
	done := fmt.Sprintf("%s written into %s", count(len(w.Written), "file"), dir)
	if len(w.Written) == 0 {
		done = "all files stood in " + dir + " already"
	}
	if n := len(w.Removed); n > 0 {
		done += fmt.Sprintf(", and %s removed", count(n, "file"))
	}
	text := fmt.Sprintf("party %d of %d, set %s: %s\n\n%s", w.Party, len(w.Parties), shortDigest(w.Digest), done, v.partyTable(w.Parties))
	if len(w.Removed) > 0 {
		text += "\nremoved:\n"
		for _, name := range w.Removed {
			text += "  " + show(name) + "\n"
		}
	}
	text += v.findingTables(w.Obstacles, w.Warnings)
	if w.Command == "" {
		return text
	}
	return text + "\nMP-SPDZ is started in that folder:\n" + fmt.Sprintf("    cd %s && shamir-party.x %s PROGRAM\n", dir, show(w.Command))
}
