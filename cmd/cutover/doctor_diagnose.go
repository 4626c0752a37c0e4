package main

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/cutover/cutover/cutover"
	"github.com/cutover/cutover/cutover/docker"
	"github.com/cutover/cutover/image"
	"github.com/cutover/cutover/lb"
)

// diagnose lists what does not fit. It is pure. While a rollout runs nothing is judged, and of one that is not finished
// only that it is not: what it has left half-way is resume's to carry on.
func (p *patient) diagnose() []symptom {
	if p.holder != nil {
		return []symptom{{What: fmt.Sprintf("a rollout of %s runs, by %s: nothing is judged meanwhile", p.service, p.holder), Remedy: "watch it with cutover status, and ask again when it is over"}}
	}
	if journal := p.open(); journal != nil {
		return []symptom{{
			What:   fmt.Sprintf("rollout %s is not finished, and nobody runs it: %s", journal.Plan.Spec.Rollout, where(*journal)),
			Remedy: "carry it on with cutover resume, or go back with cutover rollback; then ask again",
		}}
	}
	found := slices.Concat(p.strayRegistrations(), p.restingContainers())
	for _, c := range p.containers {
		if c.Running() {
			found = append(found, p.runningContainer(c)...)
		}
	}
	for _, problem := range p.disagreement {
		found = append(found, symptom{What: problem.Error(), Remedy: "mend the load balancer, or leave it out with --without"})
	}
	return append(found, p.leftOver()...)
}

// knownIDs are the ids that a container's registration of a service can have been given by cutover, or by whoever names
// them after the container.
func (p *patient) knownIDs(service, container string) []string {
	ids := []string{service + "-" + container, container}
	if p.journal == nil {
		return ids
	}
	if node, ok := p.journal.Plan.Node(container); ok {
		for _, r := range registrationsOf(node) {
			if r.Service == service {
				ids = append(ids, r.ID)
			}
		}
	}
	return ids
}

// owner is the container that a registration belongs to, by its id; after a restart of the machine its address may be
// another's. Of a registration whose id tells nothing it is the container that runs where it leads to.
func (p *patient) owner(r lb.Registration) *docker.Found {
	for i := range p.containers {
		if slices.Contains(p.knownIDs(r.Service, p.containers[i].Name), r.ID) {
			return &p.containers[i]
		}
	}
	for i := range p.containers {
		if p.leadsTo(r, p.containers[i]) {
			return &p.containers[i]
		}
	}
	return nil
}

// leadsTo reports whether a registration leads to where a container is now.
func (p *patient) leadsTo(r lb.Registration, c docker.Found) bool {
	i := slices.IndexFunc(p.members, func(s lb.Service) bool { return s.Name == r.Service })
	if i < 0 || !c.Running() {
		return false
	}
	at := lb.Registration{Address: c.Place.Address, Port: c.Place.Port(p.members[i].Port)}.Endpoint()
	return at.IsValid() && r.Endpoint() == at
}

// belonging are the registrations of a container.
func (p *patient) belonging(name string) []lb.Registration {
	var mine []lb.Registration
	for _, r := range p.registrations {
		if owner := p.owner(r); owner != nil && owner.Name == name {
			mine = append(mine, r)
		}
	}
	return mine
}

// remembered are the registrations that a container shall have: its own, and for a service of which it has none those that
// the last journal knows of it, or of the container that it replaced.
func (p *patient) remembered(name string) []lb.Registration {
	mine := p.belonging(name)
	if p.journal == nil {
		return mine
	}
	known := func(from, as string) {
		node, ok := p.journal.Plan.Node(from)
		if !ok {
			return
		}
		for _, r := range registrationsOf(node) {
			if slices.ContainsFunc(mine, func(m lb.Registration) bool { return m.Service == r.Service }) {
				continue
			}
			if as != from {
				r.ID = r.Service + "-" + as
			}
			mine = append(mine, r)
		}
	}
	known(name, name)
	if old := p.journal.Plan.Old(name); old != "" {
		known(old, name)
	}
	return mine
}

// strayRegistrations are those that no running container belongs to. Only what a rollout has made is deregistered: another
// fleet may have members of the same service.
func (p *patient) strayRegistrations() (found []symptom) {
	for _, r := range p.registrations {
		owner := p.owner(r)
		if owner != nil && owner.Running() {
			continue
		}
		one := symptom{
			What:   fmt.Sprintf("registration %s of service %s leads to %s:%d, and no container of the fleet is there", r.ID, r.Service, r.Address, r.Port),
			Remedy: fmt.Sprintf("consul services deregister -id=%s, unless it is another fleet's", r.ID),
		}
		if owner != nil {
			one.What = fmt.Sprintf("%s is registered (%s of service %s) and does not run: %s", owner.Name, r.ID, r.Service, owner.Status)
			one.Remedy = fmt.Sprintf("docker start %s, or consul services deregister -id=%s", owner.Name, r.ID)
		}
		switch {
		case r.Passing:
			one.What += "; yet something passes its check there"
		case owner == nil && !keptOut(r) && p.madeByRollout(r):
			one.mend = func(ctx context.Context, s *site) error { return s.consul.Deregister(ctx, r.ID) }
		}
		found = append(found, one)
	}
	return found
}

// keptOut reports whether somebody, not a rollout, keeps a registration in maintenance, by itself or by its whole node.
func keptOut(r lb.Registration) bool { return r.Maintenance && r.Reason != lb.Reason }

// rolledOut is the name of a container that a rollout has made, as the end of a registration's id.
var rolledOut = regexp.MustCompile(`.\.[0-9a-f]{4}$`)

// madeByRollout reports whether an id is one that a rollout gives: the service and the name of a new container.
func (p *patient) madeByRollout(r lb.Registration) bool {
	name, is := strings.CutPrefix(r.ID, r.Service+"-")
	return is && rolledOut.MatchString(name)
}

// restingContainers are those that do not run.
func (p *patient) restingContainers() (found []symptom) {
	for _, c := range p.containers {
		if c.Running() {
			continue
		}
		successor := p.running(func(other docker.Found) bool { return other.Replaces == c.Name })
		original := p.running(func(other docker.Found) bool { return other.Name == c.Replaces })
		switch {
		case c.Lost != "":
			found = append(found, symptom{What: c.Name + " runs and can't be reached: " + c.Lost, Remedy: "connect it to the network of containers.network, or stop it if it is not of the fleet any more"})
		case c.NeverStarted() && c.Replaces != "":
			found = append(found, symptom{
				What:   fmt.Sprintf("%s was made by rollout %s and never started", c.Name, c.Rollout),
				Remedy: "docker rm " + c.Name,
				mend:   func(ctx context.Context, s *site) error { return s.fleet.Discard(ctx, c.Name) },
			})
		case successor != "":
			found = append(found, symptom{
				What:   fmt.Sprintf("%s has been replaced by %s and is still there (%s)", c.Name, successor, c.Status),
				Remedy: "docker rm " + c.Name + " once nothing on its disk is needed: it was kept if its stores could not be seen to be empty",
			})
		case original != "":
			found = append(found, symptom{
				What:   fmt.Sprintf("%s, of rollout %s, does not run (%s), and %s, which it was to replace, does", c.Name, c.Rollout, c.Status, original),
				Remedy: "docker rm " + c.Name + " once nothing on its disk is needed",
			})
		default:
			found = append(found, symptom{
				What:   fmt.Sprintf("%s does not run (%s, exit code %d)", c.Name, c.Status, c.ExitCode),
				Remedy: "docker start " + c.Name + " and ask again, or docker rm it if it is not of the fleet any more",
			})
		}
	}
	return found
}

func (p *patient) running(is func(docker.Found) bool) string {
	if i := slices.IndexFunc(p.containers, func(c docker.Found) bool { return c.Running() && is(c) }); i >= 0 {
		return p.containers[i].Name
	}
	return ""
}

// runningContainer is what keeps one from serving.
func (p *patient) runningContainer(c docker.Found) (found []symptom) {
	if successor := p.running(func(other docker.Found) bool { return other.Replaces == c.Name }); successor != "" {
		return []symptom{{
			What:   fmt.Sprintf("%s runs beside %s, which was made to replace it: a rollout that no journal knows was cut off between them", c.Name, successor),
			Remedy: fmt.Sprintf("keep one: take the other out of Consul, docker stop --time 90 and docker rm it (%s)", p.of(c.Name, successor)),
		}}
	}
	mine := p.belonging(c.Name)
	if i := slices.IndexFunc(mine, keptOut); i >= 0 { // whatever else there is: somebody wants it out
		r := mine[i]
		return []symptom{{
			What:   fmt.Sprintf("%s runs, and its registration %s is in maintenance: %s", c.Name, r.ID, strings.TrimSpace(r.Reason+" "+firstLine(r.CheckOutput))),
			Remedy: "somebody has switched that on: if it is over, consul maint -disable -service=" + r.ID + ", and ask again",
		}}
	}
	found = p.restartPolicy(c)
	if why := p.unfit[c.Name]; why != "" && p.inactive[c.Name].State == "" {
		return append(found, symptom{What: fmt.Sprintf("%s runs and is not healthy: %s", c.Name, why), Remedy: "wait for it (--fix does, for strategy.timeouts.start); docker logs " + c.Name, node: c.Name})
	}
	if seen := p.inactive[c.Name]; seen.State != "" {
		one := symptom{
			What: fmt.Sprintf("%s is not active: %s (%s)", c.Name, seen.State, seen.Detail), node: c.Name,
			Remedy: fmt.Sprintf("docker restart %s, and register it where it is then", c.Name),
		}
		if seen.State == cutover.Frozen {
			one.Remedy = "let changes of its configuration through again"
		}
		found = append(found, one)
	}
	if why := p.untold[c.Name]; why != "" {
		found = append(found, symptom{
			What:   fmt.Sprintf("whether %s works without the load balancers, on triggers and tasks, can't be told: %s", c.Name, why),
			Remedy: "give driver.user the right to list them, or look in its administration",
		})
	}
	if what := p.suspended[c.Name]; what != "" {
		found = append(found, symptom{
			What:   fmt.Sprintf("%s fetches nothing by itself: its triggers and its scheduler are suspended (%s)", c.Name, what),
			Remedy: "unless somebody wants it so: resume them in its administration, or take it out and docker restart it",
		})
	}
	for _, service := range p.members {
		found = append(found, p.membership(c, service, mine)...)
	}
	return found
}

// membership is what keeps a healthy container from serving as one service.
func (p *patient) membership(c docker.Found, service lb.Service, mine []lb.Registration) (found []symptom) {
	registered := false
	at := fmt.Sprintf("%s:%d", c.Place.Address, c.Place.Port(service.Port))
	for _, r := range mine {
		if r.Service != service.Name {
			continue
		}
		registered = true
		switch {
		case !p.leadsTo(r, c):
			found = append(found, symptom{
				What:   fmt.Sprintf("%s runs at %s, and its registration %s leads to %s:%d", c.Name, at, r.ID, r.Address, r.Port),
				Remedy: "register it anew in Consul, with its present address", node: c.Name,
			})
		case r.Maintenance:
			found = append(found, symptom{
				What:   fmt.Sprintf("%s runs, and a rollout has left its registration %s in maintenance", c.Name, r.ID),
				Remedy: "consul maint -disable -service=" + r.ID, node: c.Name,
			})
		case !r.Passing:
			found = append(found, symptom{
				What:   fmt.Sprintf("%s runs, and Consul's check of %s does not pass: %s", c.Name, r.ID, firstLine(r.CheckOutput)),
				Remedy: "make the check pass from where the Consul agent is, or correct members[].check (--fix waits for it, for strategy.timeouts.join)", node: c.Name,
			})
		}
	}
	if !registered {
		found = append(found, symptom{
			What:   fmt.Sprintf("%s runs at %s and is not registered as %s", c.Name, at, service.Name),
			Remedy: "register it in Consul, or stop it if it is not of the fleet any more", node: c.Name,
		})
	}
	return found
}

// restartPolicy is a symptom where a container has none and all the others have the same one: a stop takes it away first.
func (p *patient) restartPolicy(c docker.Found) []symptom {
	var theirs []docker.Found
	for _, other := range p.containers {
		if other.Running() && other.Name != c.Name {
			theirs = append(theirs, other)
		}
	}
	if !c.Restart.IsNone() || len(theirs) == 0 || theirs[0].Restart.IsNone() ||
		slices.ContainsFunc(theirs, func(other docker.Found) bool { return other.Restart != theirs[0].Restart }) {
		return nil
	}
	policy := theirs[0].Restart
	return []symptom{{
		What:   fmt.Sprintf("%s is not restarted by Docker when it ends, as all the others are (%s)", c.Name, policy.Name),
		Remedy: fmt.Sprintf("docker update --restart %s %s", policy.Name, c.Name),
		mend:   func(ctx context.Context, s *site) error { return s.fleet.SetRestart(ctx, c.Name, policy) },
	}}
}

// of tells, for people, which of these serve.
func (p *patient) of(names ...string) string {
	var texts []string
	for _, name := range names {
		text := name + " is not registered"
		if mine := p.belonging(name); len(mine) > 0 {
			text = name + " does not serve"
			if mine[0].Passing && !mine[0].Maintenance {
				text = name + " serves"
			}
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, ", ")
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// leftOver is what killed processes have left on the engine.
func (p *patient) leftOver() (found []symptom) {
	for _, name := range p.helpers {
		found = append(found, symptom{
			What: "helper container " + name + " is left over", Remedy: "docker rm " + name,
			mend: func(ctx context.Context, s *site) error { return s.fleet.Discard(ctx, name) },
		})
	}
	for _, old := range p.leftovers {
		found = append(found, symptom{
			What: fmt.Sprintf("%s %s is left over: %s", old.Kind, old.Name, old.Why), Remedy: "cutover image prune",
			mend: func(ctx context.Context, s *site) error {
				return image.RemoveOld(ctx, s.carrier.Engine, []image.Old{old})
			},
		})
	}
	return found
}
