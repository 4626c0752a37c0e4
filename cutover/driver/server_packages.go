package driver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/cutover/cutover/cutover"
)

// packages names the packages that are enabled and loaded without an error (Hot Deployment of Packages, 10.5).
func (s *Server) packages(ctx context.Context, place cutover.Place) ([]string, error) {
	var said struct {
		Packages []struct {
			Name    loose `json:"name"`
			Enabled loose `json:"enabled"`
		} `json:"packages"`
	}
	if err := s.invoke(ctx, place, "wm.server.packages:packageList", nil, &said); err != nil {
		return nil, err
	}
	var mu sync.Mutex
	var good []string
	all, ctx := errgroup.WithContext(ctx)
	all.SetLimit(packagesAtATime)
	for _, p := range said.Packages {
		if p.Enabled != "" && !p.Enabled.yes() {
			continue
		}
		all.Go(func() error {
			wrong, err := s.packageWrong(ctx, place, string(p.Name))
			if err == nil && wrong == "" {
				mu.Lock()
				defer mu.Unlock()
				good = append(good, string(p.Name))
			}
			return err
		})
	}
	if err := all.Wait(); err != nil {
		return nil, err
	}
	slices.Sort(good)
	return good, nil
}

// packagesAtATime bounds what a server is asked at the same time: there can be hundreds of packages.
const packagesAtATime = 8

// packageWrong says what is wrong with a package, or "".
func (s *Server) packageWrong(ctx context.Context, place cutover.Place, name string) (string, error) {
	in := map[string]string{"package": name}
	var status struct {
		Exists  loose `json:"exists"`
		Enabled loose `json:"enabled"`
	}
	if err := s.invoke(ctx, place, "wm.server.packages:getPackageStatus", in, &status); err != nil {
		return "", err
	}
	var info struct {
		Errors loose `json:"loaderr"`
	}
	if err := s.invoke(ctx, place, "wm.server.packages:packageInfo", in, &info); err != nil {
		return "", err
	}
	switch {
	case !status.Exists.yes():
		return "is not there", nil
	case !status.Enabled.yes():
		return "is disabled", nil
	case info.Errors.number() > 0:
		return fmt.Sprintf("has %d load errors", info.Errors.number()), nil
	}
	return "", nil
}

// Loaded implements Loader.
func (s *Server) Loaded(ctx context.Context, place cutover.Place, packages []string) (bool, string, error) {
	if err := s.invoke(ctx, place, "wm.server:ping", nil, nil); Silent(err) {
		return false, "no port answers yet", nil
	}
	var bad []string
	for _, name := range packages {
		wrong, err := s.packageWrong(ctx, place, name)
		switch {
		case errors.Is(err, errCredentials):
			return false, "", err
		case err != nil:
			return false, fmt.Sprintf("packages: %s: %v", name, err), nil
		case wrong != "":
			bad = append(bad, name+" "+wrong)
		}
	}
	if len(bad) > 0 {
		return false, "packages: " + strings.Join(bad, ", "), nil
	}
	return true, fmt.Sprintf("the server answers, %d packages of the image are loaded", len(packages)), nil
}

// packagesGate is open when every package that the old node had, and every one that a new container is to have, is
// enabled and loaded without an error. A server can be healthy without them.
func (s *Server) packagesGate(ctx context.Context, target string, place cutover.Place, expected []string) gate {
	if s.isNew(target) && s.Earlier != nil && s.Earlier() {
		return func() (bool, string, error) {
			return true, "packages: not compared, the image is one from before", nil
		}
	}
	if s.isNew(target) {
		expected = slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(expected), s.Expect...))))
	}
	return func() (bool, string, error) {
		var bad []string
		for _, name := range expected {
			// Each is asked until it is well, so that a long list gets further with every look.
			well, wrong, err := s.settled.once("package "+name, target, place, func() (bool, string, error) {
				wrong, err := s.packageWrong(ctx, place, name)
				return wrong == "", wrong, err
			})()
			if errors.Is(err, errCredentials) {
				return false, "", err
			}
			if err != nil {
				return false, fmt.Sprintf("packages: %s: %v", name, err), nil
			}
			if !well {
				bad = append(bad, name+" "+wrong)
			}
		}
		if len(bad) > 0 {
			return false, "packages: " + strings.Join(bad, ", "), nil
		}
		return true, fmt.Sprintf("packages: %d loaded", len(expected)), nil
	}
}
