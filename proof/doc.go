// Package proof shows with real processes what the other tests show within one:
// that a group of services keeps its promises while its members and its broker
// come, go and die. It has no code of its own.
//
// The test binary runs itself again as a service, so that a member can be ended
// with SIGTERM and killed with SIGKILL. Each service writes on its standard
// output when a handler begins and ends, and which partitions it is given; the
// test keeps a ledger of these lines beside what it sent. Each test prints what
// it counted, so "go test -v ./proof" is also a report.
//
//   - Members come, leave and die under load: no stored event is lost, the
//     records of one key are handled one after the other in the order of their
//     offsets, and each request ends with its answer or with an error that says
//     why.
//   - The same while the broker is restarted and killed.
//   - A member is killed under requests with deadlines: no call fails, and few
//     wait for the partitions of the dead one.
//   - The broker is away for five seconds under the same requests: no call fails.
//   - The worker of the demo is killed and started again: it answers.
//
// The tests run on the broker of the environment variable SISKIN_BROKERS, or on
// embedded ones when that is empty. A broker that is to be killed is the test's
// own: the command "siskin broker", or beside a real broker another one from
// scripts/kafka.
package proof
