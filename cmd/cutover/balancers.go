package main

import (
	"context"
	"errors"
	"slices"

	"github.com/cutover/cutover/lb/haproxy"
)

// remarker is a load balancer that can tell more of itself than whether it can be looked into.
type remarker interface {
	Remarks(ctx context.Context) ([]string, error)
	Version(ctx context.Context) (string, error) // empty where it does not tell
}

// advice is what is to be said of the files of the load balancers, where the configuration names them. What some of it
// depends on is the version that each says it has, by name.
func (s *site) advice(versions map[string]string) (losing []error, remarks []string) {
	for _, b := range s.config.LoadBalancers {
		files := haproxy.Files{
			Drain: s.config.Strategy.Drain.Timeout.Std(), Master: b.Master != "", Reloads: b.Follows != "runtime", Version: versions[b.Name],
		}
		for _, path := range b.Config {
			files.Paths = append(files.Paths, s.config.Path(path))
		}
		all, err := files.Advise()
		if err != nil {
			losing = append(losing, err)
		}
		for _, a := range all {
			if a.Loses {
				losing = append(losing, errors.New(b.Name+": "+a.String()))
			} else {
				remarks = append(remarks, b.Name+": "+a.String())
			}
		}
	}
	return losing, remarks
}

// surveyFiles tells what is in the load balancers' files that would lose requests.
func (s *site) surveyFiles() (found []finding) {
	losing, _ := s.advice(nil)
	for _, err := range losing {
		found = append(found, finding{err: err})
	}
	return found
}

// balancerRemarks are what the load balancers' files and sockets say that stands in nobody's way, and where they do not run what
// Consul passes. It touches nothing.
func (s *site) balancerRemarks(ctx context.Context, without []string) ([]string, error) {
	ctx, cancel := within(ctx, "looking into the load balancers")
	defer cancel()
	var remarks []string
	var failed []error
	versions := map[string]string{}
	for _, b := range s.balancers {
		r, ok := b.(remarker)
		if !ok || slices.Contains(without, b.Name()) {
			continue
		}
		version, err := r.Version(ctx)
		versions[b.Name()], failed = version, append(failed, err)
		said, err := r.Remarks(ctx)
		remarks, failed = append(remarks, said...), append(failed, err)
	}
	_, advised := s.advice(versions)
	remarks = append(advised, remarks...)
	said, err := s.members.Rendered(ctx)
	return append(remarks, said...), errors.Join(append(failed, err)...)
}
