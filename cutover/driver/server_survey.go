package driver

import (
	"context"
	"fmt"

	"github.com/cutover/cutover/cutover"
)

// surveyServer remembers what is Integration Server's of a node, and looks for what two of them must not share.
func (s *Server) surveyServer(ctx context.Context, target string, place cutover.Place, facts *Facts) (found []error) {
	say := func(err error) { found = append(found, fmt.Errorf("%s: %w", target, err)) }
	var err error
	if facts.Packages, err = s.packages(ctx, place); err != nil {
		say(fmt.Errorf("list the packages: %w", err))
	}
	works, _, err := s.work(ctx, place)
	if err != nil {
		say(fmt.Errorf("list what it does without a load balancer: %w", err))
	}
	for _, w := range works {
		if w.active {
			facts.Consumers = append(facts.Consumers, w.Work)
		}
	}
	found = append(found, s.surveySeparate(ctx, target)...)
	return append(found, s.surveyNames(ctx, target, place, facts.Consumers)...)
}

func (s *Server) environment(ctx context.Context, target string) (now, next map[string]string, err error) {
	if s.Containers.Environment == nil {
		return nil, nil, nil
	}
	return s.Containers.Environment(ctx, target)
}
