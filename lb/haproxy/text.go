package haproxy

import (
	"slices"
	"strconv"
	"strings"

	"github.com/cutover/cutover/lb"
)

// sections are the words that begin a section of a configuration (configuration manual, "Configuration file format").
var sections = []string{
	"global", "defaults", "frontend", "backend", "listen", "resolvers", "peers", "userlist", "program", "ring", "mailers",
	"http-errors", "cache", "fcgi-app", "log-forward", "crt-store", "acme", "traces",
}

// directive is one line of a configuration that says something.
type directive struct {
	file    string
	line    int
	section string   // its kind, or "" before the first
	name    string   // of the section; may be empty
	words   []string // without the comment; never empty
}

// is reports whether a directive begins with these words.
func (d directive) is(words ...string) bool {
	return len(d.words) >= len(words) && slices.Equal(d.words[:len(words)], words)
}

// parseText reads a configuration as far as it can be read without HAProxy: sections, lines and words. The line that
// begins a section belongs to it.
func parseText(file, text string) []directive {
	var found []directive
	section, name := "", ""
	n := 0
	for line := range strings.Lines(text) {
		n++
		words := strings.Fields(line)
		if i := slices.IndexFunc(words, func(w string) bool { return strings.HasPrefix(w, "#") }); i >= 0 {
			words = words[:i]
		}
		if len(words) == 0 {
			continue
		}
		if slices.Contains(sections, words[0]) {
			section, name = words[0], ""
			if len(words) > 1 {
				name = words[1]
			}
		}
		found = append(found, directive{file, n, section, name, words})
	}
	return found
}

// serversIn counts the servers of each backend of a configuration, but for the canary's, which come and go and serve nobody.
// A backend without any counts 0.
func serversIn(text string) map[string]int {
	count := map[string]int{}
	for _, d := range parseText("", text) {
		switch {
		case d.section != "backend" && d.section != "listen", d.name == lb.CanaryService:
		case d.is("server"):
			count[d.name]++
		case d.is("server-template") && len(d.words) > 2:
			_, last, _ := strings.Cut("-"+d.words[2], "-") // "5", or "1-5"
			if _, to, ranged := strings.Cut(last, "-"); ranged {
				last = to
			}
			n, _ := strconv.Atoi(last) // what is no number HAProxy itself refuses
			count[d.name] += n
		default:
			count[d.name] += 0
		}
	}
	return count
}

func sum(count map[string]int) int {
	all := 0
	for _, n := range count {
		all += n
	}
	return all
}
