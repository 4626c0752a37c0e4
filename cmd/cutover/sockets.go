package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/cutover/cutover/cutover/config"
	"github.com/cutover/cutover/cutover/docker"
	"github.com/cutover/cutover/cutover/driver"
	"github.com/cutover/cutover/lb"
)

// sockets is how the connections of members are looked at, as the configuration wants it.
func (s *site) sockets() lb.Sockets {
	drain := s.config.Strategy.Drain
	if drain.Sockets == "off" {
		return lb.Sockets{}
	}
	return lb.Sockets{
		Open:   s.fleet.Sockets,
		Others: drain.Others.Std(),
		Idle:   drain.Idle.Std(),
		From: func(ctx context.Context, balancerName string) ([]netip.Prefix, error) {
			for _, b := range s.config.LoadBalancers {
				if b.Name == balancerName {
					return s.prefixes(ctx, b.Sources())
				}
			}
			return nil, nil
		},
		Checkers: func(ctx context.Context) ([]netip.Prefix, error) {
			var peers []config.Peer
			for _, checker := range drain.Checkers {
				peers = append(peers, config.Peer(checker))
			}
			return s.prefixes(ctx, peers)
		},
	}
}

// inFlight is the product's own figure, where it has one. A container that does not run has nothing in flight.
func (s *site) inFlight(ctx context.Context, target string) (n int, told bool, err error) {
	counter, ok := s.driver.(driver.Counter)
	if !ok {
		return 0, false, nil
	}
	place, err := s.fleet.Locate(ctx, target)
	if err != nil || !place.Running {
		return 0, false, err
	}
	return counter.InFlight(ctx, place)
}

func classes(said []config.Class) []lb.Class {
	var all []lb.Class
	for _, c := range said {
		all = append(all, lb.Class{Name: c.Name, Backend: c.Backend, Service: c.Service, Budget: c.Timeout.Std(), Fail: c.OnTimeout == "fail"})
	}
	return all
}

// prefixes are the addresses of peers as they are now.
func (s *site) prefixes(ctx context.Context, peers []config.Peer) ([]netip.Prefix, error) {
	var all []netip.Prefix
	for _, peer := range peers {
		if peer.Container() == "" {
			all = append(all, peer.Prefix())
			continue
		}
		addresses, _, err := s.fleet.Addresses(ctx, peer.Container()) // one that is gone connects to nothing
		if err != nil {
			return nil, err
		}
		for _, address := range addresses {
			all = append(all, netip.PrefixFrom(address, address.BitLen()))
		}
	}
	return all, nil
}

// helperLimit is what a first look at connections may take: a helper's image may have to go to another machine first.
const helperLimit = 2 * time.Minute

// surveySockets tells what keeps a node's connections from being looked at, where that is required. It may leave a helper
// behind, which closeFleet removes.
func (s *site) surveySockets(ctx context.Context, nodeName string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, helperLimit, fmt.Errorf("no answer within %s while looking at the connections of %s", helperLimit, nodeName))
	defer cancel()
	how := s.sockets()
	why := s.socketsRequired()
	if why == "" {
		return nil
	}
	if how.Open == nil {
		return fmt.Errorf("strategy.drain.sockets is off, but %s: use auto", why)
	}
	_, err := how.Open(ctx, nodeName)
	if errors.Is(err, errors.ErrUnsupported) {
		err = fmt.Errorf("%s: %w", why, err)
	}
	if err != nil && ctx.Err() != nil {
		err = errors.Join(context.Cause(ctx), err)
	}
	return err
}

// socketsRequired tells why a cutover can't do without them, if so.
func (s *site) socketsRequired() string {
	if s.config.Strategy.Drain.Sockets == "require" {
		return "strategy.drain.sockets is require"
	}
	for _, b := range s.config.LoadBalancers {
		if b.OnPage() || b.Follows == "runtime" || b.Kind == "nginx" || b.Kind == "traefik" || b.Kind == "fabio" {
			return b.Name + " does not tell what is in flight, so only the members' own connections tell when a drain is over"
		}
	}
	return ""
}

// closeFleet removes the helpers through which connections were looked at.
func (s *site) closeFleet(ctx context.Context) error {
	ctx, cancel := within(context.WithoutCancel(ctx), "removing helper containers (label "+docker.LabelHelper+")")
	defer cancel()
	return s.fleet.Close(ctx)
}

// surveyPeers names containers of the configuration that are not there, or that have no address to be known by.
func (s *site) surveyPeers(ctx context.Context) (found []finding) {
	ctx, cancel := within(ctx, "looking up the containers that strategy.drain.checkers and load_balancers[].from name")
	defer cancel()
	look := func(key string, peer config.Peer) {
		if peer.Container() == "" {
			return
		}
		addresses, there, err := s.fleet.Addresses(ctx, peer.Container())
		switch {
		case err != nil:
		case !there:
			err = fmt.Errorf("%s: there is no container %s", key, peer.Container())
		case len(addresses) == 0:
			err = fmt.Errorf("%s: container %s has no address of its own (it does not run, or is on its host's network): give the address by which the members see it", key, peer.Container())
		}
		if err != nil {
			found = append(found, finding{err: err})
		}
	}
	for _, checker := range s.config.Strategy.Drain.Checkers {
		look("strategy.drain.checkers", config.Peer(checker))
	}
	for i, b := range s.config.LoadBalancers {
		for _, from := range b.Sources() {
			look(fmt.Sprintf("load_balancers[%d].from", i), from)
		}
	}
	return found
}

// noticeAfter is after how long something that is done before the first step is announced.
const noticeAfter = 2 * time.Second

// warmSockets makes what connections are looked at through, where that takes longer than a look may, and says so when it
// does. What fails is said when it matters.
func (s *site) warmSockets(ctx context.Context, people io.Writer) {
	how := s.sockets()
	if how.Open == nil || len(s.plan.Pairs) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, helperLimit)
	defer cancel()
	long := func() {
		fmt.Fprintf(people, "making what the members' connections are looked at through: a helper container, whose image may have to be sent to the engine (at most %s)\n", helperLimit)
	}
	announced(noticeAfter, long, func() { _, _ = how.Open(ctx, s.plan.Pairs[0].Old) })
}

// announced does something, and says so when it takes longer than this. It blocks until it is done.
func announced(after time.Duration, say, do func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	notice := time.NewTimer(after)
	defer notice.Stop()
	select {
	case <-done:
		return
	case <-notice.C:
	}
	say()
	<-done
}

// newSocketsHelper is what a helper container runs; people do not.
func newSocketsHelper() *cobra.Command {
	return &cobra.Command{
		Use: docker.HelperVerb, Args: cobra.NoArgs, Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) error { return docker.AnswerAsHelper(os.Stdin, cmd.OutOrStdout()) },
	}
}
