// Command fbpeer is a peer-to-peer agent beside a Fed-BioMed component or a plain MP-SPDZ party. Agents of one federation find
// each other, exchange signed announcements of address and certificate, and write what MP-SPDZ and Fed-BioMed read, once each
// site's operator has approved the others.
//
// # Which agent
//
// A command finds its agent by --component FILE (a Fed-BioMed component's configuration), --config fbpeer.ini or --state DIR,
// else by FBPEER_COMPONENT, FBPEER_CONFIG, FBPEER_STATE, else it takes the only component in $FEDBIOMED_DIR/etc and ./etc. The
// commands talk to the running agent; without one, the reading commands and trust work from its files. What is asked of the whole
// federation (ready, probe, set) needs the agent.
//
// # Output
//
// Data goes to stdout: tables, or one object with --json. Logs, progress, questions and hints go to stderr. An error is one
// line, "fbpeer: error: …", and where there is a cure, another: "fbpeer: hint: …". Whatever came from a peer is escaped.
//
// # Exit codes
//
//	0  done
//	1  refused, or failed at run time
//	2  usage, or one's own configuration or files
//	3  the answer is no: not ready, a port that MP-SPDZ could not use, an approval overtaken by a newer announcement, a clone of ourselves
//	4  no agent is running
package main

import "os"

func main() { os.Exit(run(os.Args[1:], processEnv())) }
