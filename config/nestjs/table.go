package nestjs

// Verdict is what becomes of an option.
type Verdict string

// The verdicts.
const (
	Same      Verdict = "same"       // a setting of the same name and meaning
	OtherName Verdict = "other name" // a setting of another name
	NotNeeded Verdict = "not needed" // taken, and has nothing to do
	Refused   Verdict = "refused"    // an error
)

// Option is one option of NestJS or kafkajs.
type Option struct {
	// Path is where it stands in KafkaOptions.options, such as client.clientId.
	// A last part * stands for all that have no row of their own.
	Path    string
	Verdict Verdict
	// Siskin is the setting, for Same and OtherName.
	Siskin string
	// Note says what differs, or why the option is not needed or refused. It
	// ends an error about it.
	Note string
}

const (
	function  = "a function of JavaScript cannot be taken over"
	ofNestJS  = "NestJS sets it itself"
	connected = "a broker that is away is tried again until it is back"
)

// Table is each option, in the order of KafkaOptions. It must not be changed.
var Table = []Option{
	{"postfixId", Same, "Config.Postfix", `default: "-server" for a service, "-client" for a client; an empty text is "none"`},

	{"client.brokers", Same, "Config.Brokers", "a list; " + function},
	{"client.ssl", OtherName, "Config.Security.TLS", "true or an object"},
	{"client.ssl.ca", OtherName, "Config.Security.TLSConfig", "PEM text, or a list of them; in Siskin's own settings a file: Security.CAFile"},
	{"client.ssl.cert", OtherName, "Config.Security.TLSConfig", "PEM text; in Siskin's own settings a file: Security.CertFile"},
	{"client.ssl.key", OtherName, "Config.Security.TLSConfig", "PEM text, not encrypted; in Siskin's own settings a file: Security.KeyFile"},
	{"client.ssl.servername", OtherName, "Config.Security.ServerName", ""},
	{"client.ssl.rejectUnauthorized", Refused, "", "false would take any broker for yours; name its authority in ca. True is taken"},
	{"client.ssl.*", Refused, "", "other TLS options of Node cannot be taken over; fill in Config.Security.TLSConfig in code"},
	{"client.sasl.mechanism", OtherName, "Config.Security.Mechanism", "one of plain, scram-sha-256, scram-sha-512; for aws and oauthbearer put kgo.SASL into Config.Kafka"},
	{"client.sasl.username", OtherName, "Config.Security.User", ""},
	{"client.sasl.password", OtherName, "Config.Security.Password", "better Security.PasswordFile; it is never printed"},
	{"client.sasl.authorizationIdentity", Refused, "", "the mechanism aws is not supported; put kgo.SASL into Config.Kafka"},
	{"client.sasl.accessKeyId", Refused, "", "the mechanism aws is not supported; put kgo.SASL into Config.Kafka"},
	{"client.sasl.secretAccessKey", Refused, "", "the mechanism aws is not supported; put kgo.SASL into Config.Kafka"},
	{"client.sasl.sessionToken", Refused, "", "the mechanism aws is not supported; put kgo.SASL into Config.Kafka"},
	{"client.sasl.oauthBearerProvider", Refused, "", function + "; put kgo.SASL into Config.Kafka"},
	{"client.sasl.authenticationProvider", Refused, "", function + "; put kgo.SASL into Config.Kafka"},
	{"client.clientId", Same, "Config.ClientID", `default: "nestjs-consumer", as in NestJS; the postfix is added`},
	{"client.connectionTimeout", OtherName, "Config.Kafka: kgo.DialTimeout", "default: 10 seconds"},
	{"client.authenticationTimeout", NotNeeded, "", "the Kafka client gives up a silent broker by itself, also while it proves who it is"},
	{"client.reauthenticationThreshold", NotNeeded, "", "the Kafka client renews a session in time by itself"},
	{"client.requestTimeout", NotNeeded, "", "each call and event has a deadline: Config.Timeout, or WithTimeout"},
	{"client.enforceRequestTimeout", NotNeeded, "", "each call and event has a deadline, always"},
	{"client.retry.maxRetryTime", OtherName, "Config.RetryLongest", "for event handlers, where consumer.retry does not say it; " + connected},
	{"client.retry.initialRetryTime", OtherName, "Config.RetryInitial", "for event handlers, where consumer.retry does not say it; " + connected},
	{"client.retry.factor", NotNeeded, "", connected},
	{"client.retry.multiplier", NotNeeded, "", connected},
	{"client.retry.retries", NotNeeded, "", connected},
	{"client.retry.restartOnFailure", NotNeeded, "", "a service goes on by itself"},
	{"client.socketFactory", Refused, "", function + "; put kgo.Dialer into Config.Kafka"},
	{"client.logLevel", NotNeeded, "", "the level of Config.Logger"},
	{"client.logCreator", Refused, "", function + "; set Config.Logger, and Config.Observe for events with types"},

	{"consumer.groupId", OtherName, "Config.Group", `default: "nestjs-group", as in NestJS; the postfix is added; a client has no group`},
	{"consumer.partitionAssigners", Refused, "", function + "; a service shares partitions by cooperative-sticky, or as Config.Protocol says"},
	{"consumer.metadataMaxAge", OtherName, "Config.Refresh", "default: 10 seconds"},
	{"consumer.sessionTimeout", OtherName, "Config.Session", "default: 6 seconds, for a quick failover; kafkajs has 30"},
	{"consumer.rebalanceTimeout", NotNeeded, "", "it follows from Config.Drain, which bounds how long handlers hold up a rebalance"},
	{"consumer.heartbeatInterval", NotNeeded, "", "it follows from Config.Session; heartbeats go on while handlers run"},
	{"consumer.maxBytesPerPartition", OtherName, "Config.Kafka: kgo.FetchMaxPartitionBytes", ""},
	{"consumer.minBytes", NotNeeded, "", "a record is handed on as soon as it is there"},
	{"consumer.maxBytes", OtherName, "Config.Kafka: kgo.FetchMaxBytes", ""},
	{"consumer.maxWaitTimeInMs", NotNeeded, "", "a fetch that waits holds nothing up"},
	{"consumer.retry.maxRetryTime", OtherName, "Config.RetryLongest", "for event handlers; default: 10 seconds"},
	{"consumer.retry.initialRetryTime", OtherName, "Config.RetryInitial", "for event handlers; default: 200 milliseconds"},
	{"consumer.retry.factor", NotNeeded, "", "events are retried in place, so no crowd comes back at once"},
	{"consumer.retry.multiplier", NotNeeded, "", "the delay doubles"},
	{"consumer.retry.retries", OtherName, "Config.RetryAttempts", "one more than retries, because the first attempt counts; then comes the dead letter, not a restart"},
	{"consumer.retry.restartOnFailure", NotNeeded, "", "a service goes on by itself"},
	{"consumer.allowAutoTopicCreation", OtherName, "Config.Topics", `true is "create", false is "verify"; Siskin makes topics itself, with Config.Partitions`},
	{"consumer.maxInFlightRequests", NotNeeded, "", "Config.QueueLimit bounds what is in memory"},
	{"consumer.readUncommitted", Refused, "", "true would run handlers for records whose transaction was aborted. False is taken"},
	{"consumer.rackId", OtherName, "Config.Kafka: kgo.Rack", ""},

	{"run.autoCommit", Refused, "", "false: give those handlers the option siskin.ManualCommit(), and commit with Delivery.Commit; the others stay safe. " +
		"Offsets are only ever committed behind finished work. True is taken"},
	{"run.autoCommitInterval", OtherName, "Config.CommitInterval", "default: 100 milliseconds"},
	{"run.autoCommitThreshold", NotNeeded, "", "commits come with Config.CommitInterval; Config.UncommittedLimit bounds what is open"},
	{"run.eachBatchAutoResolve", NotNeeded, "", "NestJS takes records one by one, and so does Siskin"},
	{"run.partitionsConsumedConcurrently", OtherName, "Config.Concurrency", "it bounds handlers, not partitions: records with different keys run at once " +
		"also within a partition; siskin.Ordered() keeps a whole partition in order, as NestJS does"},
	{"run.eachBatch", Refused, "", ofNestJS},
	{"run.eachMessage", Refused, "", ofNestJS},

	{"subscribe.fromBeginning", OtherName, "Config.StartFrom", `true is "beginning", false is "end"`},
	{"subscribe.topics", Refused, "", ofNestJS},

	{"producer.createPartitioner", Refused, "", function + "; records with a key go where kafkajs's default sends them, and WithPartition names one"},
	{"producer.retry.maxRetryTime", NotNeeded, "", "a record is tried until its call's deadline"},
	{"producer.retry.initialRetryTime", NotNeeded, "", "a record is tried until its call's deadline"},
	{"producer.retry.factor", NotNeeded, "", "a record is tried until its call's deadline"},
	{"producer.retry.multiplier", NotNeeded, "", "a record is tried until its call's deadline"},
	{"producer.retry.retries", NotNeeded, "", "a record is tried until its call's deadline"},
	{"producer.retry.restartOnFailure", NotNeeded, "", "a client goes on by itself"},
	{"producer.metadataMaxAge", NotNeeded, "", "topics that change are noticed when a record cannot be stored"},
	{"producer.allowAutoTopicCreation", OtherName, "Config.Topics", "see consumer.allowAutoTopicCreation; the two must agree"},
	{"producer.idempotent", NotNeeded, "", "always: a record is stored once, also when it was sent again"},
	{"producer.transactionalId", Refused, "", "a reply or event in a transaction would wait for a commit that nobody makes"},
	{"producer.transactionTimeout", NotNeeded, "", "there are no transactions"},
	{"producer.maxInFlightRequests", NotNeeded, "", "records stay in order without it"},

	{"send.topic", Refused, "", ofNestJS},
	{"send.messages", Refused, "", ofNestJS},
	{"send.acks", Refused, "", "0 and 1 lose replies and events when a broker fails. -1, which Siskin always uses, is taken"},
	{"send.timeout", NotNeeded, "", "each call and event has a deadline: Config.Timeout, or WithTimeout"},
	{"send.compression", OtherName, "Config.Compression", "0 is none, 1 is gzip; snappy (2), lz4 (3) and zstd (4) are refused: one such record stops a kafkajs consumer for good"},

	{"serializer", Refused, "", function + "; set Config.Codec, or Config.Dialect for what is around the value"},
	{"deserializer", Refused, "", function + "; set Config.Codec, or Config.Dialect for what is around the value"},
	{"parser.keepBinary", OtherName, "[]byte as the handler's argument type", "other handlers of the service still get values"},
	{"producerOnlyMode", NotNeeded, "", "a client reads replies only after its first request"},
}
