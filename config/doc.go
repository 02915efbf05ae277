// Package config loads the settings of a service or a client from files and the
// environment. It is a package of its own so that a program which fills in
// [siskin.Config] itself does without a YAML parser.
//
// A key is the `koanf` tag of a field of siskin.Config, such as retry_attempts.
// In a file, which is YAML or JSON, it stands as it is; in the environment it is
// in capitals behind SISKIN_, as in SISKIN_RETRY_ATTEMPTS. The environment wins
// over files, a later file over an earlier one, and a file over the program.
//
//	brokers: [kafka-1:9092, kafka-2:9092]   SISKIN_BROKERS=kafka-1:9092,kafka-2:9092
//	timeout: 5s                             SISKIN_TIMEOUT=5s
//	partitions: 3                           SISKIN_PARTITIONS=3
//
// A key that does not exist is an error, so that a slip of the pen is found at
// the start and not in production.
package config
