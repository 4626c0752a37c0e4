package lb

import (
	"net/netip"
	"strings"
	"time"

	"github.com/cutover/cutover/cutover"
)

// sighting is everything that was seen of one target at one moment.
type sighting struct {
	members  []member
	intent   cutover.State // what the registry holds, or empty when that is no rung
	registry string        // the same for people
	intentAt time.Time
	views    []named
	without  []string
	// entering: it is on its way in. Old workers may still have a server at an address that it has taken over from a
	// container which is gone; what their clients ask of it there is served.
	entering bool
}

type named struct {
	balancerName string
	view         View
}

// ask is one question to a view about one endpoint: does it agree, and what is seen.
type ask func(View, netip.AddrPort) (bool, string)

// judge tells the rung that the registry and every balancer agree on. A blind balancer agrees when the registry
// has held still for its settle time.
func (s sighting) judge(still time.Duration, notes map[string]string) (cutover.State, string) {
	question, state := s.question(), s.intent
	var details []string
	for _, v := range s.views {
		if v.view.Blind {
			detail := "UNCONFIRMED, taken to follow"
			if still < v.view.Settle {
				state, detail = "", "blind, settles in "+(v.view.Settle-still).Round(100*time.Millisecond).String()
			}
			details = append(details, v.balancerName+": "+detail)
			continue
		}
		agree, detail := s.put(v, question)
		if rest := v.view.Settle - still; agree && s.intent == cutover.Drained && rest > 0 {
			agree, detail = false, "what can't be seen of it settles in "+rest.Round(100*time.Millisecond).String()
		}
		if !agree {
			state = ""
			if note := notes[v.balancerName]; note != "" && s.intent == cutover.Drained {
				detail += " (" + note + ")"
			}
		}
		if v.view.Partial != "" {
			detail += " (" + v.view.Partial + ")"
		}
		details = append(details, v.balancerName+": "+detail)
	}
	for _, name := range s.without {
		detail := name + ": left out"
		if note := notes[name]; note != "" {
			detail += ", " + note
		}
		details = append(details, detail)
	}
	text := "consul: " + s.registry
	if len(details) > 0 {
		text = strings.Join(details, ", ") + "; " + text
	}
	return state, text
}

// question is what the balancers must agree on for what the registry holds.
func (s sighting) question() ask {
	switch {
	case s.intent == cutover.Drained && s.entering:
		return View.left
	case s.intent == cutover.Drained:
		return View.Away
	case s.intent == cutover.Out:
		return View.gone
	}
	return View.Runs // between rungs too, to say what the balancers run
}

// put puts a question about all endpoints of all services that a balancer routes.
func (s sighting) put(v named, question ask) (bool, string) {
	all, detail := true, ""
	for _, one := range s.members {
		if !one.service.via(v.balancerName) {
			continue
		}
		for _, e := range one.endpoints() {
			agree, what := question(v.view, e)
			if len(s.members) > 1 && !agree {
				what = one.service.Name + " " + what
			}
			if all || !agree { // the last disagreement says more than any agreement
				detail = what
			}
			all = all && agree
		}
	}
	return all, detail
}

// followers are the balancers whose running workers do what the registry says, for measuring, and whether these are
// all that can be looked into.
func (s sighting) followers() (names []string, all bool) {
	question := View.left
	if s.intent == cutover.Serving {
		question = View.Runs
	}
	all = true
	for _, v := range s.views {
		if v.view.Blind {
			continue
		}
		if agree, _ := s.put(v, question); agree {
			names = append(names, v.balancerName)
		} else {
			all = false
		}
	}
	return names, all && len(names) > 0
}

// stragglers reports whether nothing is missing for drained but work that is still in flight: the registry holds it
// in maintenance, no running worker sends it anything new, and every blind balancer has settled.
func (s sighting) stragglers(still time.Duration) bool {
	if s.intent != cutover.Drained {
		return false
	}
	for _, v := range s.views {
		if still < v.view.Settle {
			return false
		}
		if left, _ := s.put(v, View.left); !left {
			return false
		}
	}
	return true
}
