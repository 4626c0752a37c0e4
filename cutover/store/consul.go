package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/cutover/cutover/cutover"
)

// The lock is a Consul session that we renew. Consul ends it no sooner than the TTL after the last renewal, and then keeps
// the lock free for the lock delay, so that what its owner had asked for can't land in somebody else's rollout.
// https://developer.hashicorp.com/consul/docs/dynamic-app-config/sessions
const (
	sessionTTL = 15 * time.Second
	lockDelay  = 15 * time.Second
)

// Consul keeps journals in Consul's key-value store, so that any machine that reaches it can carry a rollout on. It is safe
// for concurrent use. Its errors name Consul's address and never a token.
type Consul struct {
	client  *api.Client
	address string // without credentials
}

var _ cutover.Store = (*Consul)(nil)

// NewConsul keeps journals below cutover/<service>/ of the key-value store that a client reaches. address is for errors.
func NewConsul(client *api.Client, address string) *Consul {
	return &Consul{client: client, address: address}
}

// keys are where one service's things are. Those that a watcher must see at once have a prefix of their own.
type keys string

func keysOf(serviceName string) keys { return keys("cutover/" + serviceName + "/") }

func (k keys) control() string               { return string(k) + "control/" }
func (k keys) lock() string                  { return k.control() + "lock" }
func (k keys) ask() string                   { return k.control() + "ask" }
func (k keys) head() string                  { return string(k) + "head" }
func (k keys) past() string                  { return string(k) + "past" }
func (k keys) rollouts() string              { return string(k) + "rollouts/" }
func (k keys) rollout(id string) string      { return k.rollouts() + id + "/" }
func (k keys) plan(rollout string) string    { return k.rollout(rollout) + "plan/" }
func (k keys) history(rollout string) string { return k.rollout(rollout) + "history/" }

// Acquire takes the lock or says who holds it. A lock whose owner is proved dead on this machine is taken over at once. It
// does not wait, beyond the requests that it makes of Consul.
func (c *Consul) Acquire(ctx context.Context, serviceName string) (cutover.Session, error) {
	k := keysOf(serviceName)
	held, pair, err := c.owner(ctx, k)
	if err != nil {
		return nil, err
	}
	if pair != nil && pair.Session != "" {
		if !held.Process.dead() {
			return nil, &cutover.LockedError{Service: serviceName, Holder: held.Holder}
		}
		if err := c.release(ctx, pair); err != nil {
			return nil, err
		}
	}
	began := sinceBoot()
	id, _, err := c.client.Session().CreateNoChecks(&api.SessionEntry{
		Name: "cutover " + serviceName, TTL: sessionTTL.String(), LockDelay: lockDelay, Behavior: api.SessionBehaviorRelease,
	}, c.write(ctx))
	if err != nil {
		return nil, c.explain("make a session for the lock of "+serviceName, err)
	}
	me, err := json.Marshal(owner{Holder: self(time.Now()), Process: thisProcess()})
	if err != nil {
		return nil, err
	}
	mine := &api.KVPair{Key: k.lock(), Value: me, Session: id}
	got, _, err := c.client.KV().Acquire(mine, c.write(ctx))
	if err != nil {
		c.destroy(ctx, id)
		return nil, c.explain("lock "+serviceName, err)
	}
	if !got {
		c.destroy(ctx, id)
		held, pair, err := c.owner(ctx, k)
		if err != nil {
			return nil, err
		}
		return nil, &cutover.LockedError{Service: serviceName, Holder: held.Holder, Ended: pair == nil || pair.Session == ""}
	}
	if _, err := c.client.KV().Delete(k.ask(), c.write(ctx)); err != nil {
		return nil, errors.Join(c.explain("remove an old request to "+serviceName, err), c.release(ctx, mine))
	}
	return newConsulSession(ctx, c, k, mine, began), nil
}

// owner is what is stored with the lock.
type owner struct {
	cutover.Holder
	Process process `json:"process"`
}

// owner reads who holds the lock; the pair is nil when nobody ever has, and has no session when nobody does.
func (c *Consul) owner(ctx context.Context, k keys) (owner, *api.KVPair, error) {
	var held owner
	pair, _, err := c.client.KV().Get(k.lock(), consistently(ctx))
	if err != nil {
		return held, nil, c.explain("look at the lock of "+k.service(), err)
	}
	if pair == nil {
		return held, nil, nil
	}
	if json.Unmarshal(pair.Value, &held) != nil {
		held.Who = "somebody"
	}
	return held, pair, nil
}

func (k keys) service() string {
	return strings.TrimSuffix(strings.TrimPrefix(string(k), "cutover/"), "/")
}

// release frees a lock by the session that holds it, without a lock delay, and ends that session. Its value stays: it
// tells who was the last owner. A lock that another session holds by now is left alone.
func (c *Consul) release(ctx context.Context, pair *api.KVPair) error {
	_, _, err := c.client.KV().Release(pair, c.write(ctx))
	if err != nil {
		return c.explain("release the lock "+pair.Key, err)
	}
	c.destroy(ctx, pair.Session)
	return nil
}

// destroy ends a session. One that can't be ended now ends by itself, at the end of its TTL.
func (c *Consul) destroy(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	_, _ = c.client.Session().Destroy(id, c.write(ctx))
}

// Peek reads without the lock.
func (c *Consul) Peek(ctx context.Context, serviceName string) (*cutover.Journal, *cutover.Holder, error) {
	k := keysOf(serviceName)
	journal, _, err := c.load(ctx, k)
	if err != nil {
		return nil, nil, err
	}
	held, pair, err := c.owner(ctx, k)
	if err != nil || pair == nil || pair.Session == "" || held.Process.dead() {
		return journal, nil, err
	}
	if journal != nil {
		held.Rollout = journal.Plan.Spec.Rollout
	}
	return journal, &held.Holder, nil
}

// Past lists the rollouts before the present one's journal.
func (c *Consul) Past(ctx context.Context, serviceName string) ([]cutover.Record, error) {
	pair, _, err := c.client.KV().Get(keysOf(serviceName).past(), consistently(ctx))
	if err != nil {
		return nil, c.explain("read the history of "+serviceName, err)
	}
	return recordsIn(pair)
}

// Ask leaves a request that only the present holder of the lock heeds.
func (c *Consul) Ask(ctx context.Context, serviceName string, request cutover.Request) error {
	k := keysOf(serviceName)
	_, pair, err := c.owner(ctx, k)
	if err != nil {
		return err
	}
	if pair == nil || pair.Session == "" {
		return fmt.Errorf("ask for %s of %s: %w", request.What, serviceName, cutover.ErrNobody)
	}
	data, err := json.Marshal(asked{Request: request, Session: pair.Session})
	if err != nil {
		return err
	}
	ok, answer, _, err := c.client.Txn().Txn(api.TxnOps{
		{KV: &api.KVTxnOp{Verb: api.KVCheckSession, Key: k.lock(), Session: pair.Session}},
		{KV: &api.KVTxnOp{Verb: api.KVSet, Key: k.ask(), Value: data}},
	}, read(ctx))
	if err != nil {
		return c.explain("ask for "+request.What+" of "+serviceName, err)
	}
	if !ok {
		return fmt.Errorf("ask for %s of %s: %w (its lock was released meanwhile: %s)", request.What, serviceName, cutover.ErrNobody, answer.Errors[0].What)
	}
	return nil
}

// asked is a request and the session that it is meant for.
type asked struct {
	cutover.Request
	Session string `json:"session"`
}

func (c *Consul) write(ctx context.Context) *api.WriteOptions {
	return (&api.WriteOptions{}).WithContext(ctx)
}

func read(ctx context.Context) *api.QueryOptions { return (&api.QueryOptions{}).WithContext(ctx) }

// consistently reads what was written last, for sure: the leader confirms that it still is one.
func consistently(ctx context.Context) *api.QueryOptions {
	return (&api.QueryOptions{RequireConsistent: true}).WithContext(ctx)
}

// explain says what was being done at which Consul, and what to do now.
func (c *Consul) explain(doing string, err error) error {
	if err == nil {
		return nil
	}
	switch code := status(err); code {
	case http.StatusUnauthorized, http.StatusForbidden:
		return cutover.Permanent(fmt.Errorf("%s at Consul %s: %w: the token needs key:write below cutover/ and session:write; check consul.token_file or token_env", doing, c.address, err))
	case 0:
		return fmt.Errorf("%s at Consul %s: %w: check consul.address, and that the agent runs (state: FOLDER keeps journals on this machine instead)", doing, c.address, err)
	default:
		return fmt.Errorf("%s at Consul %s: %w", doing, c.address, err)
	}
}

// status is the HTTP status of an answer that was an error, or 0.
func status(err error) int {
	var answer api.StatusError
	if errors.As(err, &answer) {
		return answer.Code
	}
	return 0
}
