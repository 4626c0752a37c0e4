// Package report tells people and programs how a run goes and how it went.
package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/cutover/cutover/cutover"
	"github.com/cutover/cutover/cutover/probe"
)

// Report is a whole run, for programs. Its fields are a contract.
type Report struct {
	Service     string          `json:"service"`
	Rollout     string          `json:"rollout"`
	Outcome     cutover.Outcome `json:"outcome"`
	ExitCode    int             `json:"exit_code"`
	Reason      string          `json:"reason,omitempty"`
	Warnings    []string        `json:"warnings,omitempty"`
	Cut         int             `json:"cut"` // connections in flight that were given up because their budget was over
	Without     []string        `json:"without,omitempty"`
	Image       string          `json:"image"`
	Started     time.Time       `json:"started"`
	Finished    time.Time       `json:"finished"`
	Nodes       []Node          `json:"nodes"`
	Steps       []Step          `json:"steps"`
	Probe       *probe.Summary  `json:"probe,omitempty"`
	Propagation []float64       `json:"propagation_ms"`
	Balancers   []Propagation   `json:"propagation"`
	Overhead    float64         `json:"overhead_seconds"`
}

// Node is one container and the one that took its place.
type Node struct {
	Old     string  `json:"old"`
	New     string  `json:"new"`
	Host    string  `json:"host"`
	Seconds Seconds `json:"seconds"`
}

// Seconds are how long each part of a node's cutover took, holds included, on the way forward.
type Seconds struct {
	Start   float64 `json:"start"`   // created from the new image
	Ready   float64 `json:"ready"`   // started, until the product was ready
	Join    float64 `json:"join"`    // registered, until every load balancer agreed
	Drain   float64 `json:"drain"`   // the old one out of every load balancer, nothing in flight, deregistered
	Quiesce float64 `json:"quiesce"` // flushed
	Stop    float64 `json:"stop"`
}

// Step is one step as it went.
type Step struct {
	N         int               `json:"n"`
	Direction cutover.Direction `json:"direction"`
	Kind      cutover.Kind      `json:"kind"`
	Targets   []string          `json:"targets"`
	From      cutover.State     `json:"from"`
	To        cutover.State     `json:"to"`
	Seconds   float64           `json:"seconds"`
	WaitedFor string            `json:"waited_for"`
	Cut       int               `json:"cut,omitempty"`
	Failed    string            `json:"failed,omitempty"`
}

// Run is what a report is made of.
type Run struct {
	Journal     cutover.Journal
	Outcome     cutover.Outcome
	Reason      string
	Started     time.Time // of this process's part of the run
	Finished    time.Time
	Preparing   time.Duration // observing, planning and verifying before it
	Earlier     int           // entries of the journal that an earlier process left
	Probe       *probe.Summary
	Propagation []Propagation
}

// Propagation is how many milliseconds the load balancers took to follow one change of Consul's: until the running
// workers of all of them did, and of each.
type Propagation struct {
	Target    string             `json:"target"`
	To        cutover.State      `json:"to"`
	All       float64            `json:"ms"`
	Balancers map[string]float64 `json:"balancers_ms"`
}

// Of makes the report of a run.
func Of(run Run) Report {
	j := run.Journal
	r := Report{
		Service: j.Plan.Spec.Service, Rollout: j.Plan.Spec.Rollout, Outcome: run.Outcome, ExitCode: run.Outcome.ExitCode(),
		Reason: run.Reason, Warnings: j.Warnings, Without: j.Without, Image: j.Plan.Spec.Image.Ref,
		Started: run.Started, Finished: run.Finished, Probe: run.Probe,
		Nodes: []Node{}, Steps: []Step{}, Propagation: []float64{}, Balancers: append([]Propagation{}, run.Propagation...),
	}
	for _, pair := range j.Plan.Pairs {
		node, _ := j.Plan.Node(pair.Old)
		r.Nodes = append(r.Nodes, Node{Old: pair.Old, New: pair.New, Host: node.Host, Seconds: secondsOf(j.History, pair)})
	}
	waited := time.Duration(0)
	for i, entry := range j.History {
		r.Steps = append(r.Steps, Step{
			N: entry.N, Direction: entry.Direction, Kind: entry.Step.Kind,
			Targets: entry.Step.Targets, From: entry.Step.From, To: entry.Step.To, Seconds: took(entry).Seconds(),
			WaitedFor: entry.WaitedFor, Cut: entry.Cut, Failed: entry.Failed,
		})
		r.Cut += entry.Cut
		if i >= run.Earlier {
			waited += took(entry)
		}
	}
	for _, p := range run.Propagation {
		r.Propagation = append(r.Propagation, p.All)
	}
	r.Overhead = max(run.Finished.Sub(run.Started)+run.Preparing-waited, 0).Seconds()
	return r
}

func took(entry cutover.Entry) time.Duration {
	if entry.Ended.IsZero() {
		return 0
	}
	return entry.Ended.Sub(entry.Started)
}

func secondsOf(history []cutover.Entry, pair cutover.Pair) Seconds {
	var s Seconds
	for _, entry := range history {
		if entry.Direction != cutover.Forward {
			continue
		}
		for _, target := range entry.Step.Targets {
			if part := s.part(entry.Step, target, pair); part != nil {
				*part += took(entry).Seconds()
			}
		}
	}
	return s
}

// part is the figure to which a step of a target belongs, or nil.
func (s *Seconds) part(step cutover.Step, target string, pair cutover.Pair) *float64 {
	switch {
	case step.Watches(), step.OneWay:
		return nil
	case target == pair.New && step.Kind == cutover.Container && step.To == cutover.Stopped:
		return &s.Start
	case target == pair.New && step.Kind == cutover.Container:
		return &s.Ready
	case target == pair.New && step.Kind == cutover.Member:
		return &s.Join
	case target == pair.Old && step.Kind == cutover.Member:
		return &s.Drain
	case target == pair.Old && step.Kind == cutover.Workload:
		return &s.Quiesce
	case target == pair.Old && step.Kind == cutover.Container:
		return &s.Stop
	}
	return nil
}

// Write saves the report as indented JSON, whole or not at all, for its owner only.
func (r Report) Write(path string) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	defer os.Remove(temp.Name()) //nolint:errcheck // gone already when all went well
	_, err = temp.Write(append(data, '\n'))
	if err = errors.Join(err, temp.Close()); err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}
