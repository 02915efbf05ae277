package nestjs_test

import (
	"fmt"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/config/nestjs"
)

// The settings file of a NestJS service, for a service in Go that does its work.
func ExampleLoad() {
	options, err := nestjs.Load("testdata/kafka.json")
	if err != nil {
		fmt.Println(err)
		return
	}
	cfg, err := options.Server()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(cfg.Brokers, cfg.Group, cfg.Session, cfg.StartFrom, cfg.Topics, cfg.Concurrency)
	fmt.Println(cfg.Security)
	svc, err := siskin.NewService(cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(svc.Config().Group)
	// Output:
	// [kafka-1:9093 kafka-2:9093] math 10s beginning verify 3
	// SASL_SSL scram-sha-512 user=math password=[secret]
	// math-server
}

// The same names in code. What would lose records is refused.
func ExampleOptions() {
	options := nestjs.Options{
		Client:   nestjs.Client{Brokers: []string{"localhost:9092"}, ClientID: "shop"},
		Consumer: nestjs.Consumer{GroupID: "shop"},
		Send:     nestjs.Send{Acks: new(1)},
	}
	_, err := options.Caller()
	fmt.Println(err)
	// Output: nestjs: send.acks: 0 and 1 lose replies and events when a broker fails. -1, which Siskin always uses, is taken
}

// A name that does not exist is found at the start.
func ExampleParse() {
	_, err := nestjs.Parse([]byte(`{"consumer": {"sesionTimeout": 10000}}`))
	fmt.Println(err)
	// Output: nestjs: consumer.sesionTimeout: unknown option; the nearest known one is consumer.sessionTimeout
}
