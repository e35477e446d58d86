package fleet

import (
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// settleDown is how long etc must have been quiet before it is read again: files are written in several steps.
const settleDown = 100 * time.Millisecond

// watch reports changes of the root's etc folder.
type watch struct {
	notify *fsnotify.Watcher
	etc    string
	events chan struct{}
	done   chan struct{}
}

func newWatch(root string) (*watch, error) {
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	w := &watch{notify: notify, etc: filepath.Join(root, "etc"), events: make(chan struct{}, 1), done: make(chan struct{})}
	w.refresh()
	go w.run()
	return w, nil
}

// refresh watches etc again: it may have been made, or replaced. Without it the regular look at the root has to do.
func (w *watch) refresh() { _ = w.notify.Add(w.etc) }

func (w *watch) changed() <-chan struct{} { return w.events }

func (w *watch) run() {
	defer close(w.done)
	quiet := time.NewTimer(settleDown)
	quiet.Stop()
	defer quiet.Stop()
	for {
		select {
		case event, ok := <-w.notify.Events:
			if !ok {
				return
			}
			if filepath.Ext(event.Name) == ".ini" && event.Op != fsnotify.Chmod {
				quiet.Reset(settleDown)
			}
		case _, ok := <-w.notify.Errors:
			if !ok {
				return
			}
			quiet.Reset(settleDown) // events were lost
		case <-quiet.C:
			select {
			case w.events <- struct{}{}:
			default:
			}
		}
	}
}

func (w *watch) close() {
	_ = w.notify.Close()
	<-w.done
}
