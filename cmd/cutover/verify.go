package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/cutover/cutover/cutover"
	"github.com/cutover/cutover/cutover/driver"
	"github.com/cutover/cutover/image"
)

// What a new image must do for how long before it is taken for a good one, and how often it is looked at.
const (
	trialHold = 3 * time.Second
	trialPoll = 200 * time.Millisecond
)

// verify starts a container of a new image, watches it until it has been well for a while, and removes it. Without
// image.verify.network there is no data store where it runs: then it is asked no more than what can be well without.
func (s *site) verify(ctx context.Context, ref string, record image.Record, people io.Writer) (err error) {
	v := s.config.Image.Verify
	started := time.Now()
	trial, err := s.trials(ctx, image.TrialSpec{
		Image: ref, Network: v.Network, Env: v.Env, Publish: s.config.Containers.Publish, Secrets: s.trialSecrets(),
	})
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	defer func() { err = errors.Join(err, trial.Close(ctx)) }()
	judge, err := s.trialJudge(trial, record)
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	limited, cancel := context.WithTimeoutCause(ctx, v.Timeout.Std(), fmt.Errorf("it was not well within %s (image.verify.timeout)", v.Timeout.Std()))
	defer cancel()
	detail, err := watch(limited, trial, judge, people)
	if err != nil {
		return fmt.Errorf("verify: a container of the image was started, and %w; the image was removed; the end of its log:\n%s", err, trial.Log(ctx))
	}
	fmt.Fprintf(people, "verified in %s: %s\n", time.Since(started).Round(100*time.Millisecond), oneLine(detail))
	return nil
}

// judgement tells whether a running container is well, and what is still missing or, if nothing is, what was seen.
type judgement func(ctx context.Context) (well bool, detail string)

// watch looks at a trial until it has been well for trialHold. It tells people what is missing, each thing once.
func watch(ctx context.Context, trial *image.Trial, judge judgement, people io.Writer) (string, error) {
	var wellSince time.Time
	said := ""
	for again := time.NewTicker(trialPoll); ; {
		running, ended, err := trial.Running(ctx)
		switch {
		case ctx.Err() != nil: // told below, with what was missing
		case err != nil:
			return "", err
		case !running:
			return "", errors.New(ended)
		default:
			looking, cancel := within(ctx, "looking at the trial")
			well, detail := judge(looking)
			cancel()
			if !well {
				wellSince = time.Time{}
			} else if wellSince.IsZero() {
				wellSince = time.Now()
			}
			if well && time.Since(wellSince) >= trialHold {
				return detail, nil
			}
			if !well && detail != said && ctx.Err() == nil {
				said = detail
				fmt.Fprintf(people, "verify: not yet: %s\n", oneLine(detail))
			}
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			if said == "" {
				return "", context.Cause(ctx)
			}
			return "", fmt.Errorf("%w; last: %s", context.Cause(ctx), oneLine(said))
		}
	}
}

// trialJudge is what counts as well: the driver's readiness where the product's data store can be reached, else what
// the product can do without.
func (s *site) trialJudge(trial *image.Trial, record image.Record) (judgement, error) {
	t := &site{config: s.config, wake: make(chan struct{}, 1), plan: cutover.Plan{Pairs: []cutover.Pair{{New: trial.Name}}}}
	if v := s.config.Image.Verify; v.User != "" || v.PasswordFile+v.PasswordEnv != "" {
		d := &t.config.Driver
		d.PasswordFile, d.PasswordEnv = v.PasswordFile, v.PasswordEnv
		if v.User != "" {
			d.User = v.User
		}
	}
	options := s.docker
	options.Network = trial.Network
	t.fleet = s.fleet.For(options)
	product, err := t.newDriver()
	if err != nil {
		return nil, err
	}
	loader, loads := product.(driver.Loader)
	var names []string
	for _, p := range record.Packages {
		names = append(names, p.Name)
	}
	return func(ctx context.Context) (bool, string) {
		place, err := t.fleet.Locate(ctx, trial.Name)
		switch {
		case err != nil:
			return false, err.Error()
		case s.config.Image.Verify.Network != "":
			well, detail, err := product.Ready(ctx, trial.Name, place)
			if err != nil {
				return false, err.Error()
			}
			return well, detail
		case loads:
			well, detail, err := loader.Loaded(ctx, place, names)
			if err != nil {
				return false, err.Error() + ": give image.verify the user and password that the image itself has"
			}
			return well, detail
		default:
			return true, "it runs"
		}
	}, nil
}

var secretName = regexp.MustCompile(`(?i)(password|passwd|secret|token|key|credential)`)

// trialSecrets are what must not be shown of the container's log.
func (s *site) trialSecrets() []string {
	var secrets []string
	for key, value := range s.config.Image.Verify.Env {
		if secretName.MatchString(key) {
			secrets = append(secrets, value)
		}
	}
	for _, from := range [][2]string{
		{s.config.Driver.PasswordFile, s.config.Driver.PasswordEnv}, {s.config.Image.Verify.PasswordFile, s.config.Image.Verify.PasswordEnv},
	} {
		if value, err := s.config.Secret("", from[0], from[1]); err == nil {
			secrets = append(secrets, value)
		}
	}
	return secrets
}

func oneLine(text string) string { return strings.ReplaceAll(text, "\n", "; ") }
