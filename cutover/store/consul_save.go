package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/hashicorp/consul/api"

	"github.com/cutover/cutover/cutover"
)

// Load reads the journal.
func (s *consulSession) Load(ctx context.Context) (*cutover.Journal, error) {
	journal, known, err := s.consul.load(ctx, s.keys)
	if err != nil {
		return nil, err
	}
	s.stored = known
	return journal, nil
}

// Save writes in one transaction that Consul refuses when the session does not hold the lock any more, or when the head is
// not the one that was loaded or saved last. While Consul does not answer, or has no leader, it tries again until the
// context ends; a transaction whose answer was lost is recognised by what is stored then.
func (s *consulSession) Save(ctx context.Context, journal *cutover.Journal) error {
	if s.stored == nil {
		if _, err := s.Load(ctx); err != nil {
			return err
		}
	}
	was := *s.stored
	if journal.Rev != 0 && journal.Rev != was.rev {
		return cutover.ErrLost
	}
	next := was
	next.rev = was.rev + 1
	next.rollout = journal.Plan.Spec.Rollout
	next.entries = len(journal.History)
	fresh := journal.Rev == 0 || next.rollout != was.rollout
	if fresh {
		parts, err := s.consul.putPlan(ctx, s.keys, journal.Plan)
		if err != nil {
			return err
		}
		next.parts = parts
	}
	ops, err := s.transaction(ctx, journal, was, next, fresh)
	if err != nil {
		return err
	}
	if next.index, err = s.commit(ctx, ops, next.rev); err != nil {
		return err
	}
	journal.Rev = next.rev
	saved := *journal
	next.last = &saved
	s.stored = &next
	if fresh {
		s.forgetOthers(ctx)
	}
	return nil
}

// transaction is all that a save writes, behind its two fences.
func (s *consulSession) transaction(ctx context.Context, journal *cutover.Journal, was, next stored, fresh bool) (api.TxnOps, error) {
	h := head{Journal: *journal, Rollout: next.rollout, Parts: next.parts, Entries: next.entries, Session: s.lock.Session}
	h.Plan, h.History, h.Rev = cutover.Plan{}, nil, next.rev
	data, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	from := max(was.entries-1, 0) // the one that was in flight may have ended
	if fresh {
		from = 0
	}
	written, err := chunks(s.keys.history(next.rollout), journal.History, from)
	if err != nil {
		return nil, err
	}
	ops := api.TxnOps{
		{KV: &api.KVTxnOp{Verb: api.KVCheckSession, Key: s.keys.lock(), Session: s.lock.Session}},
		{KV: &api.KVTxnOp{Verb: api.KVCAS, Key: s.keys.head(), Value: data, Index: was.index}},
	}
	ops = append(ops, written...)
	if !fresh || was.index == 0 {
		return ops, nil
	}
	record, err := s.replaced(ctx, was)
	if err != nil {
		return nil, err
	}
	return append(ops, &api.TxnOp{KV: &api.KVTxnOp{Verb: api.KVSet, Key: s.keys.past(), Value: record}}), nil
}

// replaced is the list of records with the one of the journal that is replaced.
func (s *consulSession) replaced(ctx context.Context, was stored) ([]byte, error) {
	records, err := s.consul.Past(ctx, s.keys.service())
	if err != nil {
		return nil, err
	}
	return pack(cutover.WithRecord(records, was.last.Record()))
}

// commit makes a transaction and returns the new index of the head. It tries again while Consul does not tell.
func (s *consulSession) commit(ctx context.Context, ops api.TxnOps, rev uint64) (uint64, error) {
	for {
		index, err := s.try(ctx, ops, rev)
		switch {
		case err == nil, errors.Is(err, cutover.ErrLost), cutover.IsPermanent(err):
			return index, err
		}
		select {
		case <-s.lost:
			return 0, cutover.ErrLost
		default:
		}
		if !wait(ctx, renewAgain/2) {
			return 0, err
		}
	}
}

// try makes a transaction once. ErrLost: Consul has refused it, and it is not an earlier try that has landed.
func (s *consulSession) try(ctx context.Context, ops api.TxnOps, rev uint64) (uint64, error) {
	doing := "save the journal of " + s.keys.service()
	ok, answer, _, err := s.consul.client.Txn().Txn(ops, read(ctx))
	if err != nil {
		if code := status(err); code >= 400 && code < 500 && code != http.StatusRequestTimeout && code != http.StatusTooManyRequests {
			err = cutover.Permanent(err)
		}
		return 0, s.consul.explain(doing, err)
	}
	if !ok {
		index, landed, err := s.landed(ctx, rev)
		if err != nil || landed {
			return index, s.consul.explain(doing, err)
		}
		s.lose()
		return 0, fmt.Errorf("%w (%s)", cutover.ErrLost, reasons(answer))
	}
	for _, result := range answer.Results {
		if result.KV != nil && result.KV.Key == s.keys.head() {
			return result.KV.ModifyIndex, nil
		}
	}
	return 0, cutover.Permanent(fmt.Errorf("%s at Consul %s: its answer does not have the key %s", doing, s.consul.address, s.keys.head()))
}

// landed reports whether what is stored is what this session wanted to save: an earlier try whose answer was lost.
func (s *consulSession) landed(ctx context.Context, rev uint64) (index uint64, landed bool, err error) {
	pair, _, err := s.consul.client.KV().Get(s.keys.head(), consistently(ctx))
	if err != nil || pair == nil {
		return 0, false, err
	}
	var h head
	if err := json.Unmarshal(pair.Value, &h); err != nil {
		return 0, false, nil //nolint:nilerr // it is not ours
	}
	return pair.ModifyIndex, h.Session == s.lock.Session && h.Rev == rev, nil
}

func reasons(answer *api.TxnResponse) string {
	var texts []string
	for _, e := range answer.Errors {
		texts = append(texts, e.What)
	}
	return strings.Join(texts, "; ")
}

// forgetOthers removes the plans and histories of all rollouts but the stored one, for as long as the lock is held. What
// can't be removed does no harm: nothing refers to it, and the next rollout tries again.
func (s *consulSession) forgetOthers(ctx context.Context) {
	rollouts, _, err := s.consul.client.KV().Keys(s.keys.rollouts(), "/", read(ctx))
	if err != nil {
		return
	}
	for _, prefix := range rollouts {
		if prefix != s.keys.rollout(s.stored.rollout) {
			_, _, _, _ = s.consul.client.Txn().Txn(api.TxnOps{
				{KV: &api.KVTxnOp{Verb: api.KVCheckSession, Key: s.keys.lock(), Session: s.lock.Session}},
				{KV: &api.KVTxnOp{Verb: api.KVDeleteTree, Key: prefix}},
			}, read(ctx))
		}
	}
}
