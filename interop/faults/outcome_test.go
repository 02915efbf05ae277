package faults_test

import (
	"encoding/json"
	"fmt"
)

// outcome is how a call ended.
type outcome struct {
	values []string // JSON
	failed bool
	err    string // JSON
	real   bool   // it is an error to its language
	crash  bool   // of the client, before the end
}

// ended waits for the end of a call, or of its client.
func (x *exam) ended(c client, call int) (o outcome) {
	x.Helper()
	x.until(c.log(), fmt.Sprintf("the end of call %d", call), func(entries []entry) bool {
		o = outcome{}
		for _, e := range entries {
			switch {
			case e.Did == "crashed":
				o.crash = true
				return true
			case e.Call != call:
			case e.Did == "next":
				o.values = append(o.values, string(e.Value))
			case e.Did == "complete":
				return true
			case e.Did == "error":
				o.failed, o.err, o.real = true, string(e.Value), e.Real
				return true
			}
		}
		return false
	})
	return o
}

// answered is a check's usual end: the call must have one value.
func (o outcome) answered() error {
	switch {
	case o.crash:
		return fmt.Errorf("the client's consumer crashed")
	case o.failed:
		return fmt.Errorf("the call failed: %s", clean(o.err))
	case len(o.values) == 0:
		return fmt.Errorf("the call ended without a value")
	}
	return nil
}

// clean is the message of an error without what differs from run to run.
func clean(text string) string {
	var e struct{ Message string }
	if json.Unmarshal([]byte(text), &e) == nil && e.Message != "" {
		text = e.Message
	}
	return text
}
