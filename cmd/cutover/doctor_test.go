package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cutover/cutover/cutover"
	"github.com/cutover/cutover/cutover/docker"
	"github.com/cutover/cutover/lb"
)

// well is a service of two containers with which nothing is wrong.
func well() *patient {
	container := func(name, address string) docker.Found {
		return docker.Found{Name: name, ID: "id-" + name, Status: "running", Place: cutover.Place{Running: true, Address: address}}
	}
	registration := func(id, address string) lb.Registration {
		return lb.Registration{ID: id, Service: "api", Address: address, Port: 5555, Passing: true}
	}
	return &patient{
		service: "api", members: []lb.Service{{Name: "api", Port: 5555}},
		containers:    []docker.Found{container("gw-1", "10.0.0.1"), container("gw-2.7f3a", "10.0.0.2")},
		registrations: []lb.Registration{registration("gw-1", "10.0.0.1"), registration("api-gw-2.7f3a", "10.0.0.2")},
		unfit:         map[string]string{}, inactive: map[string]cutover.Observation{}, suspended: map[string]string{}, untold: map[string]string{},
	}
}

func TestDoctorFindsNothingWhereNothingIsWrong(t *testing.T) {
	if found := well().diagnose(); len(found) != 0 {
		t.Errorf("found %+v", found)
	}
}

func TestDoctorTellsWhatDoesNotFit(t *testing.T) {
	for name, test := range map[string]struct {
		harm func(*patient)
		want []string // one for each symptom; "mends:" before it when --fix does
	}{
		"a registration without a container": {func(p *patient) {
			p.registrations = append(p.registrations, lb.Registration{ID: "api-gw-9.7f3a", Service: "api", Address: "10.0.0.9", Port: 5555})
		}, []string{"mends: registration api-gw-9.7f3a of service api leads to 10.0.0.9:5555, and no container"}},
		"one of another fleet is left alone": {func(p *patient) {
			p.registrations = append(p.registrations, lb.Registration{ID: "api-vm-9", Service: "api", Address: "10.0.0.9", Port: 5555})
		}, []string{"registration api-vm-9 of service api leads to 10.0.0.9:5555, and no container"}},
		"one that somebody keeps in maintenance is left alone": {func(p *patient) {
			p.registrations = append(p.registrations, lb.Registration{ID: "api-gw-9.7f3a", Service: "api", Address: "10.0.0.9", Port: 5555, Maintenance: true, Reason: "disk"})
		}, []string{"registration api-gw-9.7f3a of service api leads to 10.0.0.9:5555, and no container"}},
		"somebody keeps out what is not healthy, and elsewhere by now": {func(p *patient) {
			p.registrations[0].Maintenance, p.registrations[0].Reason, p.registrations[0].Passing = true, "memory leak", false
			p.unfit["gw-1"], p.inactive["gw-1"], p.containers[0].Place.Address = "health 503", cutover.Observation{State: cutover.Quiesced}, "10.0.0.7"
		}, []string{"gw-1 runs, and its registration gw-1 is in maintenance: memory leak"}},
		"an address that is written otherwise": {func(p *patient) {
			p.containers[0].Place.Address, p.registrations[0].Address = "fd00::5", "fd00:0:0::5"
		}, nil},
		"one where something answers is left alone": {func(p *patient) {
			p.registrations = append(p.registrations, lb.Registration{ID: "api-gw-9", Service: "api", Address: "10.0.0.9", Port: 5555, Passing: true})
		}, []string{"registration api-gw-9 of service api leads to 10.0.0.9:5555, and no container"}},
		"a container without a registration": {
			func(p *patient) { p.registrations = p.registrations[1:] },
			[]string{"mends: gw-1 runs at 10.0.0.1:5555 and is not registered as api"},
		},
		"new addresses after a restart of the machine, exchanged": {func(p *patient) {
			p.containers[0].Place.Address, p.containers[1].Place.Address = "10.0.0.2", "10.0.0.1"
		}, []string{"mends: gw-1 runs at 10.0.0.2:5555, and its registration gw-1 leads to 10.0.0.1:5555", "mends: gw-2.7f3a runs at 10.0.0.1:5555, and its registration api-gw-2.7f3a leads to 10.0.0.2:5555"}},
		"maintenance that a rollout has left on": {
			func(p *patient) { p.registrations[0].Maintenance, p.registrations[0].Reason = true, lb.Reason },
			[]string{"mends: gw-1 runs, and a rollout has left its registration gw-1 in maintenance"},
		},
		"maintenance that somebody else has switched on": {
			func(p *patient) { p.registrations[0].Maintenance, p.registrations[0].Reason = true, "disk is replaced" },
			[]string{"gw-1 runs, and its registration gw-1 is in maintenance: disk is replaced"},
		},
		"a quiesced node": {
			func(p *patient) {
				p.inactive["gw-1"], p.unfit["gw-1"] = cutover.Observation{State: cutover.Quiesced, Detail: "mode QUIESCED"}, "no port answers"
			},
			[]string{"mends: gw-1 is not active: quiesced"},
		},
		"a node whose triggers were left suspended": {
			func(p *patient) { p.suspended["gw-1"] = "suspended: JMS trigger orders" },
			[]string{"gw-1 fetches nothing by itself: its triggers and its scheduler are suspended (suspended: JMS trigger orders)"},
		},
		"a node whose triggers can't be listed": {
			func(p *patient) { p.untold["gw-1"] = "403" },
			[]string{"whether gw-1 works without the load balancers, on triggers and tasks, can't be told: 403"},
		},
		"a node that is not healthy": {
			func(p *patient) { p.unfit["gw-1"] = "health 503" },
			[]string{"mends: gw-1 runs and is not healthy: health 503"},
		},
		"a new container that never started": {func(p *patient) {
			p.containers = append(p.containers, docker.Found{Name: "gw-1.9999", Status: "created", Rollout: "9999", Replaces: "gw-1"})
		}, []string{"mends: gw-1.9999 was made by rollout 9999 and never started"}},
		"a new container that has run": {func(p *patient) {
			p.containers = append(p.containers, docker.Found{Name: "gw-1.9999", Status: "exited", Rollout: "9999", Replaces: "gw-1"})
		}, []string{"gw-1.9999, of rollout 9999, does not run (exited), and gw-1, which it was to replace, does"}},
		"an old container past its time": {func(p *patient) {
			p.containers[1].Replaces = "gw-2"
			p.containers = append(p.containers, docker.Found{Name: "gw-2", Status: "exited"})
		}, []string{"gw-2 has been replaced by gw-2.7f3a and is still there"}},
		"a container that is registered and does not run": {func(p *patient) {
			p.containers[0] = docker.Found{Name: "gw-1", Status: "exited", ExitCode: 137}
			p.registrations[0].Passing = false
		}, []string{"gw-1 is registered (gw-1 of service api) and does not run", "gw-1 does not run (exited, exit code 137)"}},
		"an old and a new container side by side": {
			func(p *patient) { p.containers[1].Replaces = "gw-1" },
			[]string{"gw-1 runs beside gw-2.7f3a, which was made to replace it"},
		},
		"a container without an address": {
			func(p *patient) {
				p.containers[0].Place, p.containers[0].Lost, p.registrations = cutover.Place{}, "no address on network x", p.registrations[1:]
			},
			[]string{"gw-1 runs and can't be reached: no address"},
		},
		"a restart policy that was taken away": {
			func(p *patient) { p.containers[0].Restart.Name = "no"; p.containers[1].Restart.Name = "always" },
			[]string{"mends: gw-1 is not restarted by Docker"},
		},
		"a helper": {func(p *patient) { p.helpers = []string{"brave_bell"} }, []string{"mends: helper container brave_bell"}},
		"a rollout that runs": {func(p *patient) {
			p.registrations, p.holder = nil, &cutover.Holder{Who: "ops"}
		}, []string{"a rollout of api runs, by ops"}},
		"a rollout that nobody runs": {func(p *patient) {
			p.registrations, p.journal = nil, &cutover.Journal{Version: 1, Plan: cutover.Plan{Spec: cutover.Spec{Rollout: "7f3a"}}}
		}, []string{"rollout 7f3a is not finished, and nobody runs it"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := well()
			test.harm(p)
			var got []string
			for _, one := range p.diagnose() {
				text := one.What
				if one.mendable() {
					text = "mends: " + text
				}
				if one.Remedy == "" {
					t.Errorf("%q has no remedy", text)
				}
				got = append(got, text)
			}
			if !slices.EqualFunc(got, test.want, strings.HasPrefix) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

// A frozen gateway serves: it must not be restarted to be let go.
func TestDoctorRestartsNothingThatIsOnlyFrozen(t *testing.T) {
	for state, restarted := range map[cutover.State]bool{cutover.Quiesced: true, cutover.Frozen: false, "": false} {
		asked := revivalJournal(cutover.Plan{}, "gw-1", state, time.Now()).QuiescedAt("gw-1")
		if asked.IsZero() == restarted {
			t.Errorf("%q: taken to have been asked to quiesce at %v", state, asked)
		}
	}
	p := well()
	p.inactive["gw-1"] = cutover.Observation{State: cutover.Frozen, Detail: "changes are blocked"}
	if found := p.diagnose(); len(found) != 1 || strings.Contains(found[0].Remedy, "restart") {
		t.Errorf("%+v", found)
	}
}
