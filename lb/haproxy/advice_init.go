package haproxy

import (
	"slices"
	"strconv"
	"strings"
)

// adviseInit is about what a server is taken to be before its first check: UP, unless init-state says otherwise (configuration
// manual of 3.1, "init-state", which holds at each start, and when a server leaves maintenance).
func (c configuration) adviseInit(f Files) []Advice {
	if f.Reloads {
		return c.adviseDownAtStart()
	}
	if !atLeast(f.Version, 3, 1) || slices.ContainsFunc(c, func(d directive) bool { return d.is("default-server") && slices.Contains(d.words, "init-state") }) {
		return nil
	}
	var all []Advice
	for _, d := range c {
		if (d.is("server") || d.is("server-template")) && slices.Contains(d.words, "check") && !slices.Contains(d.words, "init-state") {
			all = append(all, d.advice(false, "HAProxy %s takes a server to be UP before its first check, in a slot that was given to a new one too: add `init-state down` to this line", f.Version))
		}
	}
	return all
}

func (c configuration) adviseDownAtStart() []Advice {
	if slices.ContainsFunc(c, func(d directive) bool { return d.is("load-server-state-from-file") }) {
		return nil
	}
	var all []Advice
	for _, d := range c {
		at := slices.Index(d.words, "init-state")
		if at > 0 && at+1 < len(d.words) && strings.HasSuffix(d.words[at+1], "down") {
			all = append(all, d.advice(false, "`init-state %s` takes every server to be DOWN after each reload, until its first check: requests meet 503 meanwhile: remove it, as what Consul passes has been checked", d.words[at+1]))
		}
	}
	return all
}

// atLeast compares the first two numbers of a version such as 3.0.11-1+deb13u3. One that is not known is not.
func atLeast(version string, major, minor int) bool {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return false
	}
	first, err1 := strconv.Atoi(parts[0])
	second, err2 := strconv.Atoi(strings.SplitN(parts[1], "-", 2)[0])
	return err1 == nil && err2 == nil && (first > major || (first == major && second >= minor))
}
