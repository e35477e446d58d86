package fedbiomed

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"fbpeer/internal/durable"
	"fbpeer/mpspdz"
)

// firstPort is where Fed-BioMed's counter begins.
const firstPort = 14000

// configurationName is a name that Fed-BioMed's tools find and no path.
var configurationName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*\.ini$`)

// Create makes a component as `configuration create` of v5.2.0 leaves it: configuration, key and certificate, database of 0 bytes,
// port_increment, and for the researcher the certificate of its server. Missing folders are made. name "" means
// config_researcher.ini, or for a node the next free of config-n1.ini, config-n2.ini, …; ip "" means localhost; port 0 means the
// next one above port_increment, 13999 and every port in etc/*.ini. Only a port counted so is written to port_increment. Keys are
// 0600, where Fed-BioMed leaves 0644.
//
// Nothing is ever overwritten: a file in the way is an *Error that names it, and so is a folder that cannot be written. The
// configuration is written last, so a component that is there is complete. Calls for one root wait for each other, by a lock on
// <root>/var/fbpeer/create.lock; Fed-BioMed's own `configuration create` takes none. It returns the configuration's absolute path.
func Create(random io.Reader, root string, role mpspdz.Role, name, ip string, port uint16, now time.Time) (path string, err error) {
	if role != mpspdz.Node && role != mpspdz.Researcher {
		return "", fmt.Errorf("a component of Fed-BioMed is a researcher or a node, not a %s", role)
	}
	root, err = filepath.Abs(root)
	if err != nil {
		return "", err
	}
	n := &newComponent{root: root, role: role, name: name, port: int(port), counted: port == 0}
	if err := n.choose(); err != nil {
		return "", err // before the lock, so that a refusal makes nothing
	}
	if n.host, err = n.checkHost(ip); err != nil {
		return "", err
	}
	lock, err := lockRoot(root)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	if err := n.choose(); err != nil {
		return "", err // another one took the name or the last port
	}
	if n.id, err = newID(random, role); err != nil {
		return "", err
	}
	if err := n.write(random, now); err != nil {
		return "", errors.Join(err, n.removeAll())
	}
	return n.configuration, nil
}

// newComponent is a component that is being made.
type newComponent struct {
	root, configuration string // absolute
	role                mpspdz.Role
	name                string // of the configuration, as asked for
	id, host            string
	port                int
	counted             bool     // the port comes from the counter
	made                []string // what to take away if it fails
}

// choose finds the name and the port, as they are free now.
func (n *newComponent) choose() (err error) {
	if n.configuration, err = newName(n.root, n.role, n.name); err != nil || !n.counted {
		return err
	}
	n.port, err = nextPort(n.root)
	return err
}

func (n *newComponent) checkHost(ip string) (string, error) {
	if ip == "" {
		ip = "localhost"
	}
	host, err := mpspdz.ParseHost(ip)
	if err != nil {
		return "", &Error{File: n.configuration, Section: "mpspdz", Key: "mpspdz_ip", Value: ip, Problem: err.Error(),
			Hint: "give an IPv4 address or a host name", Err: err}
	}
	return host, nil
}

// newName gives the configuration's path and sees that it is free.
func newName(root string, role mpspdz.Role, name string) (string, error) {
	etc := filepath.Join(root, "etc")
	if name == "" && role == mpspdz.Node {
		for i := 1; ; i++ {
			path := filepath.Join(etc, fmt.Sprintf("config-n%d.ini", i))
			if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
				return path, nil
			} else if err != nil {
				return "", unwritable(path, err)
			}
		}
	}
	if name == "" {
		name = "config_researcher.ini"
	}
	if !configurationName.MatchString(name) {
		return "", &Error{File: etc, Value: name, Problem: fmt.Sprintf("%q is not a name for a configuration", name),
			Hint: "letters, digits, '.', '_' and '-', ending in .ini, as in config-n1.ini"}
	}
	path := filepath.Join(etc, name)
	if _, err := os.Lstat(path); err == nil {
		return "", inTheWay(path)
	}
	return path, nil
}

func inTheWay(path string) *Error {
	return &Error{File: path, Problem: "it is there already, and nothing is overwritten", Hint: "choose another --name, or move the file away",
		Err: fs.ErrExist}
}

// nextPort counts as Fed-BioMed does, and above ports that were set by hand.
func nextPort(root string) (int, error) {
	last := firstPort - 1
	counter := filepath.Join(root, "etc", "port_increment")
	data, err := os.ReadFile(counter)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, unwritable(counter, err)
	}
	if text := strings.TrimSpace(string(data)); text != "" {
		port, err := mpspdz.ParsePort(text)
		if err != nil {
			return 0, &Error{File: counter, Value: text, Problem: err.Error(), Hint: "write the last port given out, as in 14002, or give --port", Err: err}
		}
		last = max(last, int(port))
	}
	files, err := configurations(root)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, unwritable(filepath.Join(root, "etc"), err)
	}
	for _, file := range files {
		doc, err := parse(file)
		if err != nil {
			continue // not a component that holds a port; whoever runs it is told by Load
		}
		text, _ := doc.Get("mpspdz", "mpspdz_port")
		if port, err := mpspdz.ParsePort(text); err == nil {
			last = max(last, int(port))
		}
	}
	if last == 65535 {
		return 0, &Error{File: filepath.Join(root, "etc"), Problem: "no port is left above 65535", Hint: "give --port"}
	}
	return last + 1, nil
}

// newID is the role's prefix and a version 4 UUID (RFC 9562, 5.4).
func newID(random io.Reader, role mpspdz.Role) (string, error) {
	var u [16]byte
	if _, err := io.ReadFull(random, u[:]); err != nil {
		return "", err
	}
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	return fmt.Sprintf("%s_%x-%x-%x-%x-%x", strings.ToUpper(string(role)), u[:4], u[4:6], u[6:8], u[8:10], u[10:]), nil
}

func (n *newComponent) write(random io.Reader, now time.Time) error {
	certificate, key, err := mpspdz.NewFedbiomedCertificate(random, n.id, now)
	if err != nil {
		return err
	}
	certs := filepath.Join(n.root, "etc", "certs", "cert_"+n.id)
	if err := makeFolder(certs, 0o755); err != nil {
		return err
	}
	n.made = append(n.made, certs)
	if err := n.file(filepath.Join(certs, "MPSPDZ_certificate.key"), key, 0o600); err != nil {
		return err
	}
	if err := n.file(filepath.Join(certs, "MPSPDZ_certificate.pem"), certificate, 0o644); err != nil {
		return err
	}
	if n.role == mpspdz.Researcher {
		if certificate, key, err = serverCertificate(random, n.id, now); err != nil {
			return err
		}
		if err := n.file(filepath.Join(certs, "server_certificate.key"), key, 0o600); err != nil {
			return err
		}
		if err := n.file(filepath.Join(certs, "server_certificate.pem"), certificate, 0o644); err != nil {
			return err
		}
	}
	if err := n.file(filepath.Join(n.root, "var", "db_"+n.id+".json"), nil, 0o644); err != nil {
		return err
	}
	if n.counted {
		// The one file that is replaced: a counter, which has no other name.
		counter := filepath.Join(n.root, "etc", "port_increment")
		if err := durable.WriteFile(counter, []byte(strconv.Itoa(n.port)), 0o644); err != nil {
			return unwritable(counter, err)
		}
	}
	return n.file(n.configuration, n.text(), 0o644)
}

// file makes a file that was not there.
func (n *newComponent) file(path string, data []byte, perm fs.FileMode) error {
	err := durable.CreateFile(path, data, perm)
	if errors.Is(err, fs.ErrExist) {
		return inTheWay(path)
	}
	if err != nil {
		return unwritable(path, err)
	}
	n.made = append(n.made, path)
	return nil
}

// removeAll takes away what a failed Create made.
func (n *newComponent) removeAll() error {
	var errs []error
	for i := len(n.made) - 1; i >= 0; i-- {
		errs = append(errs, durable.Remove(n.made[i]))
	}
	return errors.Join(errs...)
}
