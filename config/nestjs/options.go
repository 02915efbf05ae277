package nestjs

import (
	"encoding/json"

	"github.com/siskin-go/siskin/security"
)

// Options are those of NestJS's KafkaOptions. The zero value is NestJS's default,
// or Siskin's where [Table] says so. Times are milliseconds, as in NestJS. A nil
// pointer is an option that is not given. Options whose value is a function in
// NestJS are missing.
type Options struct {
	PostfixID        *string   `json:"postfixId,omitzero"`
	Client           Client    `json:"client,omitzero"`
	Consumer         Consumer  `json:"consumer,omitzero"`
	Run              Run       `json:"run,omitzero"`
	Subscribe        Subscribe `json:"subscribe,omitzero"`
	Producer         Producer  `json:"producer,omitzero"`
	Send             Send      `json:"send,omitzero"`
	Parser           Parser    `json:"parser,omitzero"`
	ProducerOnlyMode bool      `json:"producerOnlyMode,omitzero"`
}

// Client is kafkajs's KafkaConfig.
type Client struct {
	Brokers                   []string `json:"brokers,omitzero"`
	SSL                       SSL      `json:"ssl,omitzero"`
	SASL                      SASL     `json:"sasl,omitzero"`
	ClientID                  string   `json:"clientId,omitzero"`
	ConnectionTimeout         *int     `json:"connectionTimeout,omitzero"`
	AuthenticationTimeout     *int     `json:"authenticationTimeout,omitzero"`
	ReauthenticationThreshold *int     `json:"reauthenticationThreshold,omitzero"`
	RequestTimeout            *int     `json:"requestTimeout,omitzero"`
	EnforceRequestTimeout     *bool    `json:"enforceRequestTimeout,omitzero"`
	Retry                     Retry    `json:"retry,omitzero"`
	LogLevel                  *int     `json:"logLevel,omitzero"`
}

// SSL is kafkajs's `ssl`: true, or those of Node's TLS options that can be taken
// over. Certificates and keys are PEM texts, as in kafkajs.
type SSL struct {
	// On is `ssl: true`. It is set too when any other field is.
	On                 bool            `json:"-"`
	CA                 Texts           `json:"ca,omitzero"`
	Cert               string          `json:"cert,omitzero"`
	Key                security.Secret `json:"key,omitzero"`
	ServerName         string          `json:"servername,omitzero"`
	RejectUnauthorized *bool           `json:"rejectUnauthorized,omitzero"`
}

// UnmarshalJSON takes true, false, or an object.
func (s *SSL) UnmarshalJSON(text []byte) error {
	if json.Unmarshal(text, &s.On) == nil {
		return nil
	}
	type object SSL // without this method
	if err := json.Unmarshal(text, (*object)(s)); err != nil {
		return err
	}
	s.On = true
	return nil
}

// Texts is one text or a list of them.
type Texts []string

// UnmarshalJSON takes a text or a list.
func (t *Texts) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*t = Texts{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(t))
}

// SASL is kafkajs's `sasl` with a user and a password.
type SASL struct {
	Mechanism string          `json:"mechanism,omitzero"`
	Username  string          `json:"username,omitzero"`
	Password  security.Secret `json:"password,omitzero"`
}

// Retry is kafkajs's RetryOptions.
type Retry struct {
	MaxRetryTime     *int     `json:"maxRetryTime,omitzero"`
	InitialRetryTime *int     `json:"initialRetryTime,omitzero"`
	Factor           *float64 `json:"factor,omitzero"`
	Multiplier       *float64 `json:"multiplier,omitzero"`
	Retries          *int     `json:"retries,omitzero"`
}

// Consumer is kafkajs's ConsumerConfig.
type Consumer struct {
	GroupID                string `json:"groupId,omitzero"`
	MetadataMaxAge         *int   `json:"metadataMaxAge,omitzero"`
	SessionTimeout         *int   `json:"sessionTimeout,omitzero"`
	RebalanceTimeout       *int   `json:"rebalanceTimeout,omitzero"`
	HeartbeatInterval      *int   `json:"heartbeatInterval,omitzero"`
	MaxBytesPerPartition   *int   `json:"maxBytesPerPartition,omitzero"`
	MinBytes               *int   `json:"minBytes,omitzero"`
	MaxBytes               *int   `json:"maxBytes,omitzero"`
	MaxWaitTimeInMs        *int   `json:"maxWaitTimeInMs,omitzero"`
	Retry                  Retry  `json:"retry,omitzero"`
	AllowAutoTopicCreation *bool  `json:"allowAutoTopicCreation,omitzero"`
	MaxInFlightRequests    *int   `json:"maxInFlightRequests,omitzero"`
	ReadUncommitted        bool   `json:"readUncommitted,omitzero"`
	RackID                 string `json:"rackId,omitzero"`
}

// Run is kafkajs's ConsumerRunConfig, as far as NestJS hands it on.
type Run struct {
	AutoCommit                     *bool `json:"autoCommit,omitzero"`
	AutoCommitInterval             *int  `json:"autoCommitInterval,omitzero"`
	AutoCommitThreshold            *int  `json:"autoCommitThreshold,omitzero"`
	EachBatchAutoResolve           *bool `json:"eachBatchAutoResolve,omitzero"`
	PartitionsConsumedConcurrently *int  `json:"partitionsConsumedConcurrently,omitzero"`
}

// Subscribe is kafkajs's ConsumerSubscribeTopics, as far as NestJS hands it on.
type Subscribe struct {
	FromBeginning bool `json:"fromBeginning,omitzero"`
}

// Producer is kafkajs's ProducerConfig.
type Producer struct {
	Retry                  Retry  `json:"retry,omitzero"`
	MetadataMaxAge         *int   `json:"metadataMaxAge,omitzero"`
	AllowAutoTopicCreation *bool  `json:"allowAutoTopicCreation,omitzero"`
	Idempotent             *bool  `json:"idempotent,omitzero"`
	TransactionalID        string `json:"transactionalId,omitzero"`
	TransactionTimeout     *int   `json:"transactionTimeout,omitzero"`
	MaxInFlightRequests    *int   `json:"maxInFlightRequests,omitzero"`
}

// Send is kafkajs's ProducerRecord, as far as NestJS hands it on. Compression is
// 0 for none and 1 for gzip.
type Send struct {
	Acks        *int `json:"acks,omitzero"`
	Timeout     *int `json:"timeout,omitzero"`
	Compression int  `json:"compression,omitzero"`
}

// Parser is NestJS's KafkaParserConfig.
type Parser struct {
	KeepBinary bool `json:"keepBinary,omitzero"`
}
