package nginx

import (
	"strings"
	"testing"
)

func TestAnswersThatAreRefused(t *testing.T) {
	for name, test := range map[string]struct{ from, to, want string }{
		"another version": {"members 1", "members 2", `it says "cutover-members 2" in place of`},
		"not ours":        {"cutover-members 1\n", "<html>\n", "use the template of this release"},
		"no worker":       {"worker 201\nsettled\n", "", "does not name its worker"},
		"no number":       {"worker 201", "worker $pid", `line 2, "worker $pid": "$pid" is no process id`},
		"unknown line":    {"settled", "settling", `line 3, "settling": this has no place`},
		"host name":       {"gateway 10.0.0.8:5555", "gateway node-8:5555", "not host names"},
		"no port":         {"gateway 10.0.0.8:5555", "gateway 10.0.0.8", "is not address:port"},
		"old of nobody":   {"old 101", "old", "is no process id"},
		"order":           {"worker 201\nsettled\n", "settled\nworker 201\n", "line 2"},
		"a second answer": {"end\n", "end\n" + after, "no place"},
		"no end":          {"\nend\n", "\n", "not complete"},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(leaving, test.from, test.to, 1)
			if _, err := parse(text); text == leaving || err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %s", err, test.want)
			}
		})
	}
}

// FuzzParse: what is accepted has each of its lines in the result, and no part of it is accepted as a
// whole.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{before, during, leaving, after, "cutover-members 1\nworker 1\nserver a [::1]:1\nend\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		said, err := parse(text)
		if err != nil {
			return
		}
		lines := 3 + len(said.servers) + len(said.old)
		if said.settled {
			lines++
		}
		if strings.Count(text, "\n") != lines {
			t.Errorf("%q was read as %+v", text, said)
		}
		for cut := range text {
			if _, err := parse(text[:cut]); err == nil {
				t.Errorf("cut at %d of %q: no error", cut, text)
			}
		}
	})
}
