package node

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// env reads environment variables and keeps the first error.
type env struct {
	get func(string) string
	err error
}

func (e *env) fail(key string, cause error) {
	if cause != nil && e.err == nil {
		e.err = fmt.Errorf("%s: %w", key, cause)
	}
}

func (e *env) text(key, fallback string) string {
	if v := e.get(key); v != "" {
		return v
	}
	return fallback
}

func (e *env) oneOf(key string, choices ...string) string {
	v := e.text(key, choices[0])
	if !slices.Contains(choices, v) {
		e.fail(key, fmt.Errorf("%q is none of %s", v, strings.Join(choices, ", ")))
	}
	return v
}

func (e *env) duration(key, fallback string) time.Duration {
	d, cause := time.ParseDuration(e.text(key, fallback))
	e.fail(key, cause)
	return d
}

func (e *env) number(key, fallback string) int {
	n, cause := strconv.Atoi(e.text(key, fallback))
	e.fail(key, cause)
	return n
}

// pairs reads "k=v,k=v".
func (e *env) pairs(key string) map[string]string {
	out := map[string]string{}
	for item := range items(e.get(key), ",") {
		k, v, found := strings.Cut(item, "=")
		if k == "" || !found {
			e.fail(key, fmt.Errorf("%q is not key=value", item))
			continue
		}
		out[k] = v
	}
	return out
}
