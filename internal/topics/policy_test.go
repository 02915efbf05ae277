package topics_test

import (
	"testing"

	"github.com/siskin-go/siskin/internal/topics"
)

func TestDefault(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		brokers []string
		want    topics.Policy
	}{
		{"loopback", []string{"127.0.0.1:9092"}, topics.Create},
		{"another loopback", []string{"127.9.8.7:9092"}, topics.Create},
		{"localhost", []string{"localhost:9092"}, topics.Create},
		{"IPv6 loopback", []string{"[::1]:9092"}, topics.Create},
		{"IPv6 loopback, long", []string{"[0:0:0:0:0:0:0:1]:9092"}, topics.Create},
		{"IPv4 loopback in IPv6", []string{"[::ffff:127.0.0.1]:9092"}, topics.Create},
		{"without a port", []string{"localhost", "127.0.0.1", "::1"}, topics.Create},
		{"several of one machine", []string{"localhost:9092", "127.0.0.1:9093", "[::1]:9094"}, topics.Create},
		{"a host name", []string{"kafka:9092"}, topics.Verify},
		{"a host name that looks like localhost", []string{"localhost.example.com:9092"}, topics.Verify},
		{"a name that looks like an address", []string{"127.0.0.1.example.com:9092"}, topics.Verify},
		{"an address", []string{"10.0.0.1:9092"}, topics.Verify},
		{"every address", []string{"0.0.0.0:9092"}, topics.Verify},
		{"an IPv6 address", []string{"[2001:db8::1]:9092"}, topics.Verify},
		{"one of several is elsewhere", []string{"localhost:9092", "kafka:9092"}, topics.Verify},
		{"an empty address", []string{""}, topics.Verify},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := topics.Default(tt.brokers); got != tt.want {
				t.Errorf("Default(%q) = %q, want %q", tt.brokers, got, tt.want)
			}
		})
	}
}
