package durable

import (
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// Owner is a user of this machine.
type Owner struct {
	UID  int
	Name string // as sudo -u takes it: "#1000" where the user has no name
}

// ForeignOwner is whose a file or folder is, where we are root and it is somebody else's: what root writes there for itself alone, its
// owner could not read. It follows links; of what is not there it says no.
func ForeignOwner(path string) (Owner, bool) {
	info, err := os.Stat(path)
	if err != nil || os.Geteuid() != 0 {
		return Owner{}, false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || stat.Uid == 0 {
		return Owner{}, false
	}
	uid := strconv.FormatUint(uint64(stat.Uid), 10)
	owner := Owner{UID: int(stat.Uid), Name: "#" + uid}
	if u, err := user.LookupId(uid); err == nil {
		owner.Name = u.Username
	}
	return owner, true
}
