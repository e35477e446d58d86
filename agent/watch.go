package agent

import (
	"context"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/rs/zerolog"
)

// settleDown is how long no file must have changed before the loop is told: editors and Fed-BioMed write in several steps. How long a file must
// have been left alone before it is taken over, the loop decides (quiet).
const settleDown = 100 * time.Millisecond

// watcher reports changes of single files. It watches their folders, for a rename into place is invisible to a watch on the file.
type watcher struct {
	notify  *fsnotify.Watcher
	files   map[string]bool
	folders map[string]bool
	changed chan struct{} // something changed: read all of them again
	log     zerolog.Logger
}

func newWatcher(log zerolog.Logger) (*watcher, error) {
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	return &watcher{notify: notify, files: map[string]bool{}, folders: map[string]bool{}, changed: make(chan struct{}, 1), log: log}, nil
}

// add watches more files. A folder that does not exist (yet) is left to the slow re-check, which calls add again. Not safe beside run:
// the loop adds before it starts it, and hands later files over by more.
func (w *watcher) add(files []string) {
	for _, file := range files {
		if file == "" {
			continue
		}
		file = filepath.Clean(file)
		w.files[file] = true
		folder := filepath.Dir(file)
		if w.folders[folder] {
			continue
		}
		if err := w.notify.Add(folder); err != nil {
			w.log.Debug().Err(err).Str("folder", folder).Msg("cannot be watched: looked at now and then")
			continue
		}
		w.folders[folder] = true
	}
}

// run ends with ctx.
func (w *watcher) run(ctx context.Context, more <-chan []string) {
	defer w.notify.Close()
	quiet := time.NewTimer(time.Hour)
	quiet.Stop()
	defer quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case files := <-more:
			w.add(files)
		case event, ok := <-w.notify.Events:
			if !ok {
				return
			}
			if w.files[filepath.Clean(event.Name)] && event.Op != fsnotify.Chmod {
				quiet.Reset(settleDown)
			}
		case err, ok := <-w.notify.Errors:
			if !ok {
				return
			}
			w.log.Debug().Err(err).Msg("watching files") // events were lost: look at all of them
			quiet.Reset(settleDown)
		case <-quiet.C:
			select {
			case w.changed <- struct{}{}:
			default:
			}
		}
	}
}
