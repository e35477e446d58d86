package fedbiomed

import (
	"fmt"
	"strings"

	"fbpeer/mpspdz"
)

// text is the configuration, byte for byte as v5.2.0's ConfigParser.write lays it out.
func (n *newComponent) text() []byte {
	certs := "certs/cert_" + n.id
	sections := fmt.Sprintf(`[default]
id = %[1]s
component = %[2]s
version = 2
db = ../var/db_%[1]s.json

[mpspdz]
private_key = %[3]s/MPSPDZ_certificate.key
public_key = %[3]s/MPSPDZ_certificate.pem
mpspdz_ip = %[4]s
mpspdz_port = %[5]d
allow_default_biprimes = True
default_biprimes_dir = ../envs/common/default_biprimes

`, n.id, strings.ToUpper(string(n.role)), certs, n.host, n.port)
	if n.role == mpspdz.Researcher {
		return fmt.Appendf(nil, `%[1]s[server]
host = localhost
port = 50051
pem = %[2]s/server_certificate.pem
key = %[2]s/server_certificate.key

`, sections, certs)
	}
	return []byte(sections + `[security]
hashing_algorithm = SHA256
allow_default_training_plans = True
training_plan_approval = False
secure_aggregation = True
force_secure_aggregation = False

[researcher]
ip = localhost
port = 50051

`)
}
