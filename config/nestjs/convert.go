package nestjs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"time"

	"github.com/siskin-go/siskin"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Server returns the settings of a service, as ServerKafka has them. The error
// joins all that is wrong, each as an *Error or a *siskin.ConfigError.
func (o Options) Server() (siskin.Config, error) { return o.config(true) }

// Caller returns the settings of a client, as ClientKafka has them. Options that
// are only for a consumer group have no effect. Errors are those of Server.
func (o Options) Caller() (siskin.Config, error) { return o.config(false) }

func (o Options) config(server bool) (siskin.Config, error) {
	c := conversion{given: o}
	c.client()
	c.topics()
	c.sending()
	if server {
		c.consumer()
	}
	if err := c.cfg.Validate(); err != nil {
		c.errs = append(c.errs, c.attributed(err)...)
	}
	if len(c.errs) > 0 {
		return siskin.Config{}, errors.Join(c.errs...)
	}
	return c.cfg, nil
}

// conversion is options on their way to a Config.
type conversion struct {
	given Options
	cfg   siskin.Config
	errs  []error
}

// refuse notes a value that cannot be taken over, with the reason of the table.
func (c *conversion) refuse(path string) {
	option, _ := find(path)
	c.bad(path, "%s", option.Note)
}

func (c *conversion) bad(path, format string, args ...any) {
	c.errs = append(c.errs, &Error{Path: path, Err: fmt.Errorf(format, args...)})
}

func (c *conversion) client() {
	from := c.given.Client
	c.cfg.Brokers = from.Brokers
	if len(from.Brokers) == 0 {
		c.cfg.Brokers = []string{"localhost:9092"}
	}
	c.cfg.ClientID = from.ClientID
	if from.ClientID == "" {
		c.cfg.ClientID = "nestjs-consumer"
	}
	if postfix := c.given.PostfixID; postfix != nil {
		c.cfg.Postfix = *postfix
		if *postfix == "" {
			c.cfg.Postfix = "none"
		}
	}
	if at := from.ConnectionTimeout; at != nil {
		var timeout time.Duration
		c.milliseconds("client.connectionTimeout", &timeout, at)
		c.cfg.Kafka = append(c.cfg.Kafka, kgo.DialTimeout(timeout))
	}
	c.tls()
	to := &c.cfg.Security
	to.Mechanism, to.User, to.Password = strings.ToLower(from.SASL.Mechanism), from.SASL.Username, from.SASL.Password
}

func (c *conversion) tls() {
	ssl, to := c.given.Client.SSL, &c.cfg.Security
	if reject := ssl.RejectUnauthorized; reject != nil && !*reject {
		c.refuse("client.ssl.rejectUnauthorized")
	}
	switch {
	case len(ssl.CA) > 0 || ssl.Cert != "" || ssl.Key != "":
		to.TLSConfig = c.tlsConfig(ssl)
	default:
		to.TLS = ssl.On || ssl.ServerName != "" || ssl.RejectUnauthorized != nil
		to.ServerName = ssl.ServerName
	}
}

func (c *conversion) tlsConfig(ssl SSL) *tls.Config {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: ssl.ServerName}
	for _, text := range ssl.CA {
		if cfg.RootCAs == nil {
			cfg.RootCAs = x509.NewCertPool()
		}
		if !cfg.RootCAs.AppendCertsFromPEM([]byte(text)) {
			c.bad("client.ssl.ca", "want the text of a PEM file, not its path; for a file set Config.Security.CAFile")
		}
	}
	if ssl.Cert == "" && ssl.Key == "" {
		return cfg
	}
	pair, err := tls.X509KeyPair([]byte(ssl.Cert), []byte(ssl.Key.Reveal()))
	if err != nil {
		c.bad("client.ssl.cert", "want the texts of two PEM files in cert and key, not their paths: %w", err)
	}
	cfg.Certificates = []tls.Certificate{pair}
	return cfg
}

func (c *conversion) topics() {
	consumer, producer := c.given.Consumer.AllowAutoTopicCreation, c.given.Producer.AllowAutoTopicCreation
	if consumer != nil && producer != nil && *consumer != *producer {
		c.bad("producer.allowAutoTopicCreation", "it differs from consumer.allowAutoTopicCreation, "+
			"and there is one setting for both, Config.Topics; set both to the same")
	}
	for _, allow := range []*bool{consumer, producer} {
		switch {
		case allow == nil:
		case *allow:
			c.cfg.Topics = "create"
		default:
			c.cfg.Topics = "verify"
		}
	}
}

func (c *conversion) sending() {
	if acks := c.given.Send.Acks; acks != nil && *acks != -1 {
		c.refuse("send.acks")
	}
	if c.given.Producer.TransactionalID != "" {
		c.refuse("producer.transactionalId")
	}
	switch c.given.Send.Compression {
	case 0:
	case 1:
		c.cfg.Compression = "gzip"
	default:
		c.refuse("send.compression")
	}
}

func (c *conversion) consumer() {
	from := c.given.Consumer
	c.cfg.Group = from.GroupID
	if from.GroupID == "" {
		c.cfg.Group = "nestjs-group"
	}
	if from.ReadUncommitted {
		c.refuse("consumer.readUncommitted")
	}
	c.milliseconds("consumer.sessionTimeout", &c.cfg.Session, from.SessionTimeout)
	c.milliseconds("consumer.metadataMaxAge", &c.cfg.Refresh, from.MetadataMaxAge)
	if n, ok := c.bytes("consumer.maxBytesPerPartition", from.MaxBytesPerPartition); ok {
		c.cfg.Kafka = append(c.cfg.Kafka, kgo.FetchMaxPartitionBytes(n))
	}
	if n, ok := c.bytes("consumer.maxBytes", from.MaxBytes); ok {
		c.cfg.Kafka = append(c.cfg.Kafka, kgo.FetchMaxBytes(n))
	}
	if from.RackID != "" {
		c.cfg.Kafka = append(c.cfg.Kafka, kgo.Rack(from.RackID))
	}
	if c.given.Subscribe.FromBeginning {
		c.cfg.StartFrom = "beginning"
	}
	c.running()
	c.retrying()
}

func (c *conversion) running() {
	from := c.given.Run
	if from.AutoCommit != nil && !*from.AutoCommit {
		c.refuse("run.autoCommit")
	}
	c.milliseconds("run.autoCommitInterval", &c.cfg.CommitInterval, from.AutoCommitInterval)
	if n := from.PartitionsConsumedConcurrently; n != nil {
		c.number("run.partitionsConsumedConcurrently", &c.cfg.Concurrency, *n)
	}
}

func (c *conversion) retrying() {
	own, all := c.given.Consumer.Retry, c.given.Client.Retry
	if own.Retries != nil {
		c.number("consumer.retry.retries", &c.cfg.RetryAttempts, *own.Retries+1)
	}
	for _, r := range []struct {
		prefix string
		retry  Retry
	}{{"client", all}, {"consumer", own}} { // the consumer's last: it wins, as in kafkajs
		c.milliseconds(r.prefix+".retry.initialRetryTime", &c.cfg.RetryInitial, r.retry.InitialRetryTime)
		c.milliseconds(r.prefix+".retry.maxRetryTime", &c.cfg.RetryLongest, r.retry.MaxRetryTime)
	}
}

// milliseconds sets a duration. Zero is no default here: it was written.
func (c *conversion) milliseconds(path string, to *time.Duration, ms *int) {
	switch {
	case ms == nil:
	case *ms < 1 || *ms > int(math.MaxInt64/time.Millisecond):
		c.bad(path, "%d is not a time; want milliseconds from 1", *ms)
	default:
		*to = time.Duration(*ms) * time.Millisecond
	}
}

func (c *conversion) number(path string, to *int, n int) {
	if n < 1 {
		c.bad(path, "it is too small; %s must be at least 1", c.siskin(path))
		return
	}
	*to = n
}

func (c *conversion) bytes(path string, n *int) (int32, bool) {
	if n == nil {
		return 0, false
	}
	if *n < 1 || *n > math.MaxInt32 {
		c.bad(path, "%d bytes are not possible; want 1 to %d", *n, math.MaxInt32)
		return 0, false
	}
	return int32(*n), true
}

func (*conversion) siskin(path string) string {
	option, _ := find(path)
	return option.Siskin
}

// attributed names the options from which wrong settings came.
func (c *conversion) attributed(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error }) //nolint:errorlint // only the outermost is meant
	if !ok {
		return []error{err}
	}
	errs := joined.Unwrap()
	for i, err := range errs {
		wrong, ok := errors.AsType[*siskin.ConfigError](err)
		if !ok {
			continue
		}
		for _, o := range Table {
			if o.Siskin == "Config."+wrong.Field && c.isSet(o.Path) {
				errs[i] = &Error{Path: o.Path, Err: wrong}
			}
		}
	}
	return errs
}

// isSet reports whether the option at path was given.
func (c *conversion) isSet(path string) bool {
	v := reflect.ValueOf(c.given)
	for name := range strings.SplitSeq(path, ".") {
		if v.Kind() != reflect.Struct {
			return false
		}
		v = field(v, name)
		if !v.IsValid() {
			return false
		}
	}
	return !v.IsZero()
}

// field is the field with a name in JSON.
func field(v reflect.Value, name string) reflect.Value {
	for i := range v.NumField() {
		if tag, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ","); tag == name {
			return v.Field(i)
		}
	}
	return reflect.Value{}
}
