package lb_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cutover/cutover/cutover"
	"github.com/cutover/cutover/lb"
	"github.com/cutover/cutover/lb/lbtest"
)

func TestSurveyAdopts(t *testing.T) {
	w := newWorld(passing())
	w.show(running(lb.Up, 0))
	state, regs, detail, err := w.members(t).Survey(t.Context(), "gateway-1")
	if err != nil || state != cutover.Serving || len(regs) != 1 || regs[0].Tags[0] != "adopted" || detail == "" {
		t.Errorf("%q %+v %s %v", state, regs, detail, err)
	}
}

// A balancer that reloads does not answer for a moment; one that is gone does not answer at all.
func TestSurveyIsPatient(t *testing.T) {
	for name, test := range map[string]struct {
		silent time.Duration
		want   cutover.State
	}{"reloads": {time.Second, cutover.Serving}, "is gone": {time.Hour, ""}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(passing())
				w.show(running(lb.Up, 0))
				begun := time.Now()
				w.lb1.Failing = func() error {
					if time.Since(begun) < test.silent {
						return errors.New("connection reset by peer")
					}
					return nil
				}
				state, _, _, err := w.members(t).Survey(t.Context(), "gateway-1")
				if state != test.want || (err == nil) != (test.want != "") || time.Since(begun) > time.Minute {
					t.Errorf("%q %v after %s", state, err, time.Since(begun))
				}
				if found := w.members(t).Check(t.Context(), "gateway-1"); (len(found) == 0) != (test.want != "") {
					t.Errorf("%v", found)
				}
			})
		})
	}
}

func TestCheckListsEverything(t *testing.T) {
	w := newWorld(passing())
	w.show(running(lb.Up, 0))
	if found := w.members(t).Check(t.Context(), "gateway-1"); len(found) != 0 {
		t.Errorf("%v", found)
	}
	w.lb1.Err, w.lb2.View = cutover.Permanent(errors.New("refused")), lacking
	found := w.members(t).Check(t.Context(), "gateway-1")
	if len(found) != 2 || !strings.Contains(found[0].Error(), "lb-1") || !strings.Contains(found[1].Error(), "load balancer lb-2: no server leads to gateway-1 at 10.0.0.1:5555") {
		t.Errorf("%v", found)
	}
}

// A registration is journaled: nothing of a check goes there, its headers may hold a password.
func TestJournaledRegistrationHoldsNoCheck(t *testing.T) {
	r := passing()
	r.Check = lb.Check{HTTP: "/health", Header: map[string][]string{"Authorization": {"secret"}}}
	r.CheckOutput = "secret"
	text, err := json.Marshal(r)
	if err != nil || strings.Contains(string(text), "secret") {
		t.Errorf("%s, %v", text, err)
	}
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	good := lb.Service{Name: "gw", Port: 1, Check: lb.Check{TCP: true, Interval: time.Second}}
	cases := map[string]func(*lb.Config){
		"no service":  func(c *lb.Config) { c.Services = nil },
		"port 0":      func(c *lb.Config) { c.Services = []lb.Service{{Name: "gw", Check: good.Check}} },
		"check needs": func(c *lb.Config) { c.Services = []lb.Service{{Name: "gw", Port: 1}} },
		"interval":    func(c *lb.Config) { c.Services = []lb.Service{{Name: "gw", Port: 1, Check: lb.Check{TCP: true}}} },
		"no name":     func(c *lb.Config) { c.Services = []lb.Service{{Port: 1}} },
		"--without x": func(c *lb.Config) { c.Without = []string{"x"} },
		"balancer x":  func(c *lb.Config) { good.Via = []string{"x"}; c.Services = []lb.Service{good} },
		"twice":       func(c *lb.Config) { c.Balancers = append(c.Balancers, c.Balancers[0]) },
	}
	for want, spoil := range cases {
		w := newWorld()
		spoil(&w.cfg)
		if _, err := lb.New(w.cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// told is a registry that may reach nobody.
type told struct {
	*lbtest.FakeIntent
	err error
}

func (r *told) Check(context.Context) error { return r.err }

func TestCheckAsksWhetherTheRegistryReachesAnybody(t *testing.T) {
	w := newWorld(passing())
	w.show(running(lb.Up, 0))
	registry := &told{FakeIntent: w.intent}
	w.cfg.Agent = func(string) lb.Intent { return registry }
	if found := w.members(t).Check(t.Context(), "gateway-1"); len(found) != 0 {
		t.Errorf("%v", found)
	}
	registry.err = cutover.Permanent(errors.New("no leader"))
	if found := w.members(t).Check(t.Context()); len(found) != 1 || !strings.Contains(found[0].Error(), "no leader") {
		t.Errorf("%v", found)
	}
}
