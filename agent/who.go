package agent

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/user"
	"strconv"
	"strings"
	"syscall"
)

// Operator names who runs this process, as a decision without an agent is noted: user@host.
func Operator() string { return whoIs(os.Getuid(), os.Getpid()) }

// whoIs names the user of a process on this machine, user@host; #1000@host where that user has no name. Where somebody logged in under
// another name, and changed to this user since (su, sudo), the kernel may know that too: "fedbiomed@host (logged in as alice)".
func whoIs(uid, pid int) string {
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "localhost"
	}
	who := userName(uid) + "@" + host
	if login, ok := loginUser(pid); ok && login != uid {
		who += " (logged in as " + userName(login) + ")"
	}
	return who
}

func userName(uid int) string {
	text := strconv.Itoa(uid)
	if u, err := user.LookupId(text); err == nil && u.Username != "" {
		return u.Username
	}
	return "#" + text
}

// loginUser is the user as whom the session of a process was begun, as the kernel's audit knows it; not every machine keeps that.
func loginUser(pid int) (uid int, ok bool) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/loginuid", pid))
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(data)), 10, 32)
	const unset = 1<<32 - 1
	return int(n), err == nil && n != unset
}

// byHand says who may have edited a file: of an edit, only the file's owner is known.
func byHand(path string) string {
	const hand = "edited by hand"
	info, err := os.Stat(path)
	if err != nil {
		return hand
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return hand
	}
	return hand + " (file of " + userName(int(stat.Uid)) + ")"
}

// callerKey is where a connection's context holds who is at its other end.
type callerKey struct{}

// withCaller notes who is at the other end of a connection, as the kernel knows it.
func withCaller(ctx context.Context, conn net.Conn) context.Context {
	unix, ok := conn.(*net.UnixConn)
	if !ok {
		return ctx
	}
	uid, pid, err := peerCredentials(unix)
	if err != nil {
		return ctx
	}
	return context.WithValue(ctx, callerKey{}, whoIs(uid, pid))
}

// callerOr is who asks: as the kernel knows it, else as he says.
func callerOr(ctx context.Context, claimed string) string {
	if caller, ok := ctx.Value(callerKey{}).(string); ok {
		return caller
	}
	return claimed
}
