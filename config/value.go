package config

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/siskin-go/siskin/security"
)

// assign sets a field of Config from what a file or the environment holds. It
// takes nothing for granted: a number for a duration is refused, because nobody
// can tell its unit.
func assign(field reflect.Value, value any) error {
	switch into := field.Addr().Interface().(type) {
	case *time.Duration:
		return assigned(into, value, duration)
	case *string:
		return assigned(into, value, text)
	case *security.Secret:
		return assigned(into, value, secret)
	case *bool:
		return assigned(into, value, truth)
	case *int:
		return assigned(into, value, number)
	case *[]string:
		return assigned(into, value, list)
	}
	return fmt.Errorf("a %s cannot be loaded", field.Type())
}

func assigned[T any](into *T, value any, parse func(any) (T, error)) error {
	v, err := parse(value)
	if err == nil {
		*into = v
	}
	return err
}

func duration(value any) (time.Duration, error) {
	if s, ok := value.(string); ok {
		if d, err := time.ParseDuration(strings.TrimSpace(s)); err == nil {
			return d, nil
		}
	}
	return 0, errors.New("want a duration with its unit, such as 5s or 1m30s")
}

func text(value any) (string, error) {
	switch v := value.(type) {
	case string:
		return v, nil
	case time.Time: // YAML's own idea of a date
		return v.Format(time.RFC3339), nil
	}
	return "", errors.New("want text; put it in quotes")
}

func secret(value any) (security.Secret, error) {
	s, err := text(value)
	return security.Secret(s), err
}

func truth(value any) (bool, error) {
	switch v := value.(type) {
	case bool:
		return v, nil
	case string:
		if b, err := strconv.ParseBool(strings.TrimSpace(v)); err == nil {
			return b, nil
		}
	}
	return false, errors.New("want true or false")
}

func number(value any) (int, error) {
	switch v := value.(type) {
	case int:
		return v, nil
	case float64: // all numbers of JSON
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return int(v), nil
		}
	case string:
		if n, err := strconv.Atoi(strings.TrimSpace(v)); err == nil {
			return n, nil
		}
	}
	return 0, errors.New("want a whole number")
}

// list takes a list of texts, or one text with commas.
func list(value any) ([]string, error) {
	switch v := value.(type) {
	case string:
		var items []string
		for item := range strings.SplitSeq(v, ",") {
			if item = strings.TrimSpace(item); item != "" {
				items = append(items, item)
			}
		}
		if len(items) == 0 {
			return nil, errors.New("the list is empty")
		}
		return items, nil
	case []any:
		items := make([]string, len(v))
		for i := range v {
			item, ok := v[i].(string)
			if !ok {
				return nil, fmt.Errorf("want texts; put %v in quotes", v[i])
			}
			items[i] = item
		}
		return items, nil
	}
	return nil, errors.New("want a list, or text with commas")
}
