package probe

import (
	"syscall"
	"testing"
)

// TestBoundPort: MP-SPDZ binds its port, with SO_REUSEADDR, and listens a moment later. What it has bound, which /proc does not show, is not
// taken from it: its listening would fail.
func TestBoundPort(t *testing.T) {
	t.Parallel()
	s := plain3(t)
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Port: int(s.ports[0])}); err != nil {
		t.Fatal(err)
	}
	if p := mustJoin(t, s.agent(0)); p.status != statusInUse {
		t.Errorf("status %d", p.status)
	}
	if err := syscall.Listen(fd, 10); err != nil {
		t.Errorf("MP-SPDZ cannot listen: %v", err)
	}
}
