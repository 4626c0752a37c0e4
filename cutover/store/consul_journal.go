package store

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/hashicorp/consul/api"

	"github.com/cutover/cutover/cutover"
)

// Consul refuses a value of more than 512 kB, and a transaction of about 380 kB. So a rollout's plan, which never changes,
// is stored once, compressed and in parts; its history in chunks of which a save writes the last ones; and the fenced
// transaction holds these and the head, which is everything else.
const (
	partSize     = 256 << 10
	chunkEntries = 16
	journalLimit = 256 << 20 // of a plan or a history that is unpacked: more is no journal of ours
)

var errUnreleased = errors.New("the lock could not be released in time: it is free when its TTL and the lock delay are over")

// head is a journal without its plan and its history.
type head struct {
	cutover.Journal        // Plan and History are empty
	Rollout         string `json:"rollout"`
	Parts           int    `json:"parts"`   // of the plan
	Entries         int    `json:"entries"` // of the history
	Session         string `json:"session"` // that wrote it
}

// stored is what a session knows of what is stored.
type stored struct {
	index   uint64 // of the head; 0: there is none
	rev     uint64
	rollout string
	parts   int
	entries int
	last    *cutover.Journal // for its record, when another takes its place
}

// load reads a journal; nil when there is none. Without the lock it may be written meanwhile: a history that is ahead of
// its head is cut, and a rollout that has just been replaced is read again.
func (c *Consul) load(ctx context.Context, k keys) (*cutover.Journal, *stored, error) {
	var err error
	for range 3 {
		var journal *cutover.Journal
		var known *stored
		journal, known, err = c.loadOnce(ctx, k)
		if !errors.Is(err, errTorn) {
			return journal, known, err
		}
	}
	return nil, nil, err
}

var errTorn = errors.New("parts of it are missing")

func (c *Consul) loadOnce(ctx context.Context, k keys) (*cutover.Journal, *stored, error) {
	doing := "read the journal of " + k.service()
	pair, _, err := c.client.KV().Get(k.head(), consistently(ctx))
	if err != nil {
		return nil, nil, c.explain(doing, err)
	}
	if pair == nil {
		return nil, &stored{}, nil
	}
	var h head
	if err := json.Unmarshal(pair.Value, &h); err != nil {
		return nil, nil, fmt.Errorf("%s at Consul %s: key %s is damaged: %w", doing, c.address, k.head(), err)
	}
	if h.Parts < 0 || h.Entries < 0 {
		return nil, nil, fmt.Errorf("%s at Consul %s: key %s was changed by something else: it counts %d parts and %d entries", doing, c.address, k.head(), h.Parts, h.Entries)
	}
	if h.Version > cutover.JournalVersion {
		return nil, nil, h.Check() // its parts may be others, too
	}
	plan, err := c.parts(ctx, k.plan(h.Rollout))
	if err != nil {
		return nil, nil, c.explain(doing, err)
	}
	chunks, err := c.parts(ctx, k.history(h.Rollout))
	if err != nil {
		return nil, nil, c.explain(doing, err)
	}
	journal := h.Journal
	if len(plan) < h.Parts || len(chunks)*chunkEntries < h.Entries {
		return nil, nil, fmt.Errorf("%s at Consul %s: rollout %s: %w", doing, c.address, h.Rollout, errTorn)
	}
	if err := unpack(bytes.Join(plan[:h.Parts], nil), &journal.Plan); err != nil {
		return nil, nil, fmt.Errorf("%s at Consul %s: its plan is damaged: %w", doing, c.address, err)
	}
	for _, chunk := range chunks {
		var entries []cutover.Entry
		if err := unpack(chunk, &entries); err != nil {
			return nil, nil, fmt.Errorf("%s at Consul %s: its history is damaged: %w", doing, c.address, err)
		}
		journal.History = append(journal.History, entries...)
	}
	if len(journal.History) < h.Entries {
		return nil, nil, fmt.Errorf("%s at Consul %s: rollout %s: %w", doing, c.address, h.Rollout, errTorn)
	}
	journal.History = journal.History[:h.Entries]
	if err := journal.Check(); err != nil {
		return nil, nil, err
	}
	return &journal, &stored{
		index: pair.ModifyIndex, rev: h.Rev, rollout: h.Rollout, parts: h.Parts, entries: h.Entries, last: &journal,
	}, nil
}

// parts are the values below a prefix, in the order of their keys.
func (c *Consul) parts(ctx context.Context, prefix string) ([][]byte, error) {
	pairs, _, err := c.client.KV().List(prefix, consistently(ctx))
	if err != nil {
		return nil, err
	}
	var values [][]byte
	for _, pair := range pairs { // Consul lists them in the order of their keys
		values = append(values, pair.Value)
	}
	return values, nil
}

// putPlan stores a plan. Nothing refers to it yet, and no other rollout has its keys: it needs no fence.
func (c *Consul) putPlan(ctx context.Context, k keys, plan cutover.Plan) (parts int, err error) {
	packed, err := pack(plan)
	if err != nil {
		return 0, err
	}
	for part := range slices.Chunk(packed, partSize) {
		pair := &api.KVPair{Key: partKey(k.plan(plan.Spec.Rollout), parts), Value: part}
		if _, err := c.client.KV().Put(pair, c.write(ctx)); err != nil {
			return 0, c.explain("store the plan of "+k.service(), err)
		}
		parts++
	}
	return parts, nil
}

func partKey(prefix string, n int) string { return fmt.Sprintf("%s%06d", prefix, n) }

// chunks are the operations that store a history from an entry on.
func chunks(prefix string, history []cutover.Entry, from int) (api.TxnOps, error) {
	var ops api.TxnOps
	for n := from / chunkEntries; n*chunkEntries < len(history); n++ {
		packed, err := pack(history[n*chunkEntries : min((n+1)*chunkEntries, len(history))])
		if err != nil {
			return nil, err
		}
		ops = append(ops, &api.TxnOp{KV: &api.KVTxnOp{Verb: api.KVSet, Key: partKey(prefix, n), Value: packed}})
	}
	return ops, nil
}

func pack(value any) ([]byte, error) {
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	err := errors.Join(json.NewEncoder(zip).Encode(value), zip.Close())
	return packed.Bytes(), err
}

func unpack(packed []byte, value any) error {
	zip, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return err
	}
	return json.NewDecoder(io.LimitReader(zip, journalLimit)).Decode(value)
}

func recordsIn(pair *api.KVPair) ([]cutover.Record, error) {
	if pair == nil {
		return nil, nil
	}
	var records []cutover.Record
	if err := unpack(pair.Value, &records); err != nil {
		return nil, fmt.Errorf("key %s is damaged: %w", pair.Key, err)
	}
	return records, nil
}
