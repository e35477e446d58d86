// Package durable writes files so that a reader, and the next start after a crash, meets the old content or the new, never a part.
//
// "Crash" below means kill -9 before any system call; what is said of it was tested by killing child processes there. After a loss
// of power the same holds as far as the disk keeps what fsync reported: each sequence syncs the data before the name that leads to
// it, and the folder after the name. A file system that cannot sync folders is used without that.
//
// # Replacing a file: WriteFile
//
//  1. create .NAME<digits> in the file's own folder, with the exact permissions
//  2. write all bytes to it
//  3. fsync it, close it, rename it to NAME
//  4. fsync the folder
//
// A crash in 1 to 3 leaves the old file, or none if there was none, and perhaps the temporary one, which nothing reads: whoever
// lists a folder skips names that begin with a dot. From the rename on the new file stands; before 4 a loss of power may bring the
// old one back. An open descriptor keeps reading the old file. A symbolic link at NAME is itself replaced.
//
// # Replacing a symbolic link: WriteLink
//
//  1. make the link .NAME<digits> in the same folder
//  2. rename it to NAME
//  3. fsync the folder
//
// A crash before 2 leaves what stood at NAME, and perhaps the temporary link; from the rename on NAME is the new link. Where NAME leads
// to the target already, 3 alone is done.
//
// # Making a file that must be new: CreateFile
//
//  1. to 3. as WriteFile, but for the rename: the temporary file is linked to NAME, which fails where NAME is taken
//  4. remove the temporary name
//  5. fsync the folder
//
// Nobody ever sees NAME with less than its whole content. A crash leaves no NAME or all of it, and perhaps the temporary name.
// A file system without hard links has the weaker promise that a crash may leave NAME empty.
//
// # Adding a line: AppendLine
//
//  1. open with O_APPEND, creating the file if it is missing
//  2. if it is empty: set its permissions, fsync the folder
//  3. if its last byte is not a newline (a crash in step 4 earlier): put a newline in front of the line
//  4. one write of the line and its newline
//  5. fsync
//
// A crash leaves the line, or a beginning of it as the last line of the file, or nothing of it. The next AppendLine ends such a
// torn line, so that it stands alone and cannot be read as part of a whole one.
//
// # Giving a file another name: MoveFile
//
//  1. look whether the new name is taken: then nothing happens
//  2. rename
//  3. fsync the folder
//
// A crash before 2 leaves the file under its old name, from then on under the new one.
//
// # Rewriting in place: InPlace and Recover
//
// For a file that another program keeps open (a rename would leave that program with the old inode). InPlace.Write:
//
//  1. open the file for reading and writing
//  2. write the intent (path, old, new) as WriteFile does, mode 0600
//  3. read the file through the same descriptor; if it is not old: ErrChanged, and remove the intent unless it took the place of
//     one of ours
//  4. one pwrite of new at offset 0
//  5. if new is shorter: ftruncate
//  6. fsync
//
// InPlace.Done, when the caller has seen that what it wrote stands:
//
//  7. remove the intent, or rename it to where it is kept, and fsync its folder
//
// Between 3 and 4 lies the window in which another program's write would be lost; nothing outside that program can close it
// (BenchmarkRewrite measures it). A crash before 4 leaves old, from 6 on new. In between the file is new up to some byte and old
// after it:
//
//	new longer:  new[:k] + old[k:] for k up to len(old), then new[:k]
//	new shorter: new[:k] + old[k:] for k up to len(new); at k = len(new) only the ftruncate is missing
//
// Recover tells these from everything else and writes old again, in an order that keeps the file in this form at every step, so
// that a crash of Recover is recovered too. A file that is old or new is only synced. In any other file somebody else wrote: it is
// left alone, and the intent is kept beside itself as INTENT.left (.left2, …), because it may hold the only copy of the old bytes.
//
// A caller that can explain more of what it finds uses InPlace.Undo, which is Recover for the torn states alone, and InPlace.Redo,
// which writes again (3, 4 and 6) while the intent stands, or the one that was kept; InPlace.Done is then as above.
//
// # The intent
//
//	fbpeer-intent-v1 SP len(path) SP len(old) SP len(new) LF
//	path old new
//	SHA-256 of everything before, 32 bytes
//
// Lengths are decimal, in bytes, without leading zeros; path is absolute; nothing stands between or after the parts. Anything
// else is an IntentError.
//
// # Swapping a folder: SwapFolder
//
//  1. remove what crashed runs left (.tmp-fbpeer-*)
//  2. if parent/NAME is there and equal in every name, byte, link and permission, but for names that do not
//     matter, go to 6
//  3. build parent/.tmp-fbpeer-<digits>: write and fsync every file, then fsync every folder from the innermost out
//  4. rename it to parent/NAME
//  5. fsync parent
//  6. make the link parent/.tmp-fbpeer-current, rename it to parent/current, fsync parent
//  7. remove superseded folders: each renamed to .tmp-fbpeer-<digits> first, so that no part of one stands under its name
//
// A crash up to 5 leaves current where it was, from the rename in 6 on it leads to NAME; either way to a complete folder. A folder
// that somebody changed is never mended in place: where current leads to it, a second complete copy is put in force under its
// temporary name while the changed one is moved away (a crash there leaves current at that copy, which the next run keeps until it
// has swapped).
//
// # Locks
//
// TryLock and WaitLock take flock(2) on a file that stays when the lock is released. The kernel releases it with the process,
// however that ends. Two locks of one file exclude each other in one process too. Who labels it (Label) is named by Holder to whom it is
// in the way; Held only looks.
package durable

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

var (
	// ErrLocked says that somebody else holds the lock.
	ErrLocked = errors.New("locked by another process")
	// ErrChanged says that the file is not what the caller read: read again, decide again.
	ErrChanged = errors.New("changed since it was read")
)

// Disk makes the system calls. The zero value does so and no more. Step, if there is one, is called before each of them: tests of
// this and of other rooms end the process there, or make the call fail.
type Disk struct {
	Step func(call string) error
}

// do makes one call, unless the step before it fails.
func (d Disk) do(call string, f func() error) error {
	if d.Step != nil {
		if err := d.Step(call); err != nil {
			return err
		}
	}
	return f()
}

// syncFolder makes the names in a folder durable.
func (d Disk) syncFolder(path string) error {
	return d.do("fsync folder "+filepath.Base(path), func() error {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		err = f.Sync()
		if cannotSync(err) {
			err = nil
		}
		return errors.Join(err, f.Close())
	})
}

// cannotSync tells a file system without fsync for folders (some network and FUSE ones) from a disk that failed.
func cannotSync(err error) bool {
	return errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported)
}

// about puts the file that the caller named before an error that may name a temporary one.
func about(path string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", path, err)
}
