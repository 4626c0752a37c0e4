package haproxy

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Advice is something in a load balancer's files that is not as a cutover needs it.
type Advice struct {
	At    string // file:line
	Text  string // what is there, why that matters, and what to write
	Loses bool   // requests would be lost; the rest is worth knowing
}

func (a Advice) String() string { return a.At + ": " + a.Text }

// Files are what a HAProxy runs with, and how.
type Files struct {
	Paths   []string      // its configuration in its order, templates of it (.ctmpl, .tmpl), and consul-template's own (.hcl)
	Drain   time.Duration // how long a cutover waits for requests in flight
	Master  bool          // it runs with a master process
	Reloads bool          // it follows the registry by reloads
	Version string        // as it says itself, or empty
}

// Advise reads the files; none of what it looks for can be read from a socket. The error is that a file can't be read.
func (f Files) Advise() ([]Advice, error) {
	var all []Advice
	var text configuration
	for _, path := range f.Paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("load_balancers[].config: %w", err)
		}
		switch filepath.Ext(path) {
		case ".hcl":
			all = append(all, adviseCommand(path, string(data))...)
			continue
		case ".ctmpl", ".tmpl":
			all = append(all, adviseTemplate(path, string(data))...)
		}
		text = append(text, parseText(path, string(data))...)
	}
	if len(text) == 0 {
		return all, nil
	}
	return append(all, text.advise(f)...), nil
}

func (d directive) advice(loses bool, format string, args ...any) Advice {
	return Advice{At: fmt.Sprintf("%s:%d", d.file, d.line), Text: fmt.Sprintf(format, args...), Loses: loses}
}

// configuration is all directives in their order.
type configuration []directive

// proxy is one section that traffic goes through, with the directives that hold in it: those of its defaults first.
type proxySection struct {
	head directive
	all  []directive
}

// proxies are the frontends, backends and listens, each with its defaults: those that it names, or the last before it.
func (c configuration) proxies() []proxySection {
	var found []proxySection
	defaults := map[string][]directive{}
	var latest []directive
	for i, d := range c {
		if !slices.Contains(sections, d.words[0]) {
			continue
		}
		end := i + 1
		for end < len(c) && !slices.Contains(sections, c[end].words[0]) {
			end++
		}
		from := latest
		if at := slices.Index(d.words, "from"); at > 1 && at+1 < len(d.words) {
			from = defaults[d.words[at+1]]
		}
		all := slices.Concat(from, c[i+1:end])
		switch d.section {
		case "defaults":
			latest, defaults[d.name] = all, all
		case "frontend", "backend", "listen":
			found = append(found, proxySection{d, all})
		}
	}
	return found
}

// last is the last directive that begins with these words, as the later one holds.
func (p proxySection) last(words ...string) (directive, bool) {
	for _, d := range slices.Backward(p.all) {
		if d.is(words...) {
			return d, true
		}
	}
	return directive{}, false
}

// option reports whether an option is on, and where that is said.
func (p proxySection) option(name string) bool {
	for _, d := range slices.Backward(p.all) {
		if d.is("option", name) {
			return true
		}
		if d.is("no", "option", name) {
			return false
		}
	}
	return false
}

// keepsIdle is for how long clients may keep quiet between two requests (configuration manual, "timeout http-keep-alive").
func (p proxySection) keepsIdle() (directive, time.Duration, bool) {
	for _, name := range []string{"http-keep-alive", "http-request", "client"} {
		if d, said := p.last("timeout", name); said && len(d.words) > 2 {
			limit, ok := haproxyTime(d.words[2])
			return d, limit, ok
		}
	}
	return directive{}, 0, false
}

func (p proxySection) isHTTP() bool {
	mode, said := p.last("mode")
	return said && mode.is("mode", "http")
}

// leads reports whether clients come in here and are sent on to servers; a page of statistics is not what is meant.
func (p proxySection) leads() bool {
	_, byDefault := p.last("default_backend")
	_, byRule := p.last("use_backend")
	_, itself := p.last("server")
	return (p.head.section == "frontend" && (byDefault || byRule)) || (p.head.section == "listen" && itself)
}

func (c configuration) advise(f Files) []Advice {
	all := append(c.adviseGlobal(f), c.adviseInit(f)...)
	for _, p := range c.proxies() {
		if f.Reloads && p.leads() && p.isHTTP() && !p.option("idle-close-on-response") {
			all = append(all, p.head.advice(true, "%s %s has no `option idle-close-on-response`: each reload closes idle connections of clients, and a request that "+
				"is on its way is lost: add the option to it", p.head.section, p.head.name))
		}
		if d, limit, said := p.keepsIdle(); said && f.Reloads && p.leads() && p.isHTTP() && limit > f.Drain {
			all = append(all, d.advice(false, "`%s` is longer than strategy.drain.timeout (%s), for which idle clients of an old worker may hold up a drain: make one shorter or the other longer",
				strings.Join(d.words, " "), f.Drain))
		}
		if p.head.section == "frontend" {
			continue
		}
		if !p.option("redispatch") {
			all = append(all, p.head.advice(false, "%s %s has no `option redispatch`: a request for a server that refuses the connection is only tried there again: add it", p.head.section, p.head.name))
		}
		if d, said := p.last("retries"); said && len(d.words) > 1 && d.words[1] == "0" {
			all = append(all, d.advice(false, "retries 0: a request that meets a server in the moment it goes is answered 503: write `retries 3`"))
		}
		if d, said := p.last("retry-on"); said && !slices.Equal(d.words[1:], []string{"conn-failure"}) && !slices.Equal(d.words[1:], []string{"none"}) {
			all = append(all, d.advice(false, "`%s` sends requests again that a server may have carried out, POST too: write `retry-on conn-failure`", strings.Join(d.words, " ")))
		}
	}
	return unique(all)
}

// adviseGlobal is about what holds for the process, and about servers, wherever they are.
func (c configuration) adviseGlobal(f Files) []Advice {
	var all []Advice
	exposed := f.Master // its workers hand their listeners on through the master
	for _, d := range c {
		switch {
		case d.section == "global" && d.is("hard-stop-after") && len(d.words) > 1:
			if limit, ok := haproxyTime(d.words[1]); ok && limit < f.Drain {
				all = append(all, d.advice(false, "hard-stop-after %s is shorter than strategy.drain.timeout (%s): an old worker cuts what is still in flight by then: make it longer", d.words[1], f.Drain))
			}
		case d.section == "global" && d.is("stats", "socket"):
			exposed = exposed || slices.Contains(d.words, "expose-fd")
		case (d.is("server") || d.is("default-server") || d.is("server-template")) && shutsSessions(d.words):
			all = append(all, d.advice(true, "`on-marked-down shutdown-sessions` cuts requests in flight when cutover takes the server out: remove it"))
		}
	}
	if i := slices.IndexFunc(c, func(d directive) bool { return d.is("global") }); !exposed && i >= 0 {
		all = append(all, c[i].advice(false, "without a master process a reload is only seamless with `expose-fd listeners` on a stats socket and -x: add it, or start HAProxy with -W"))
	}
	return all
}

func shutsSessions(words []string) bool {
	i := slices.Index(words, "on-marked-down")
	return i >= 0 && i+1 < len(words) && words[i+1] == "shutdown-sessions"
}

// unique leaves out what several sections have from the same defaults.
func unique(all []Advice) []Advice {
	var once []Advice
	for _, a := range all {
		if !slices.Contains(once, a) {
			once = append(once, a)
		}
	}
	return once
}

// haproxyTime reads a time as HAProxy writes it: a number of milliseconds, or one with a unit.
func haproxyTime(text string) (time.Duration, bool) {
	digits := strings.TrimRight(text, "abcdefghijklmnopqrstuvwxyz")
	n, err := strconv.ParseInt(digits, 10, 32)
	unit, known := map[string]time.Duration{
		"": time.Millisecond, "us": time.Microsecond, "ms": time.Millisecond, "s": time.Second,
		"m": time.Minute, "h": time.Hour, "d": 24 * time.Hour,
	}[text[len(digits):]]
	return time.Duration(n) * unit, err == nil && known
}
