package agent

import (
	"errors"
	"net"

	"golang.org/x/sys/unix"
)

// peerCredentials asks the kernel who connected (LOCAL_PEERCRED, LOCAL_PEERPID).
func peerCredentials(conn *net.UnixConn) (uid, pid int, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, 0, err
	}
	var credErr, pidErr error
	err = raw.Control(func(fd uintptr) {
		var cred *unix.Xucred
		if cred, credErr = unix.GetsockoptXucred(int(fd), unix.SOL_LOCAL, unix.LOCAL_PEERCRED); credErr == nil {
			uid = int(cred.Uid)
		}
		pid, pidErr = unix.GetsockoptInt(int(fd), unix.SOL_LOCAL, unix.LOCAL_PEERPID)
	})
	return uid, pid, errors.Join(err, credErr, pidErr)
}
