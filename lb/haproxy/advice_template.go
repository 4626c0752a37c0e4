package haproxy

import (
	"regexp"
	"strings"

	"github.com/cutover/cutover/lb"
)

// asked is a query for a service in a template; the filter follows the bar (consul-template, "service").
var asked = regexp.MustCompile(`\bservice\s+\(?[^}]*?"[^"|]*\|([^"]*)"`)

// adviseTemplate is about what a template lets into the list of servers. Without a filter that is what passes.
func adviseTemplate(path, text string) []Advice {
	var all []Advice
	n := 0
	for line := range strings.Lines(text) {
		n++
		for _, found := range asked.FindAllStringSubmatch(line, -1) {
			if strings.Contains(found[0], `"`+lb.CanaryService+"|") {
				continue // it never passes, and nothing leads to it
			}
			for state := range strings.SplitSeq(found[1], ",") {
				if state == "any" || state == "critical" || state == "maintenance" {
					at := directive{file: path, line: n}
					all = append(all, at.advice(false, "the filter |%s lets in what is in maintenance, so that a server would never leave: write |passing", found[1]))
				}
			}
		}
	}
	return all
}

// adviseCommand is about consul-template's own configuration: how it reloads, and when it gives up.
func adviseCommand(path, text string) []Advice {
	var all []Advice
	first := directive{file: path, line: 1}
	flat := strings.Join(strings.Fields(strings.NewReplacer(`"`, " ", ",", " ", "[", " ", "]", " ").Replace(text)), " ")
	if !strings.Contains(flat, "lb reload --") {
		at, n := first, 0
		for line := range strings.Lines(text) {
			n++
			if strings.HasPrefix(strings.TrimSpace(line), "command") {
				at.line = n
				break
			}
		}
		all = append(all, at.advice(false, "it does not call `cutover lb reload`: a signal kills a master that is just starting, an empty list of servers is taken for "+
			"granted, and a command that fails once ends consul-template"))
	}
	if strings.Contains(flat, "template {") && !strings.Contains(flat, "attempts = 0") {
		all = append(all, first.advice(false, "consul-template gives up, and ends, after some minutes without Consul: write consul { retry { attempts = 0 } }"))
	}
	return all
}
