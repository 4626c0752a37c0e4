package nginx

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	patience  = 5 * time.Second // for one answer, which takes less than a millisecond
	maxAnswer = 1 << 20         // a server takes about 50 bytes
)

// ask asks one worker, on a connection of its own. It blocks until the answer is complete, the context ends, or patience
// is over.
func (b *Balancer) ask(ctx context.Context) (answer, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("no answer within %s", patience))
	defer cancel()
	var said answer
	text, err := b.get(ctx)
	if err == nil {
		said, err = parse(text)
	} else if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return answer{}, fmt.Errorf("ask %s: %w", b.cfg.Members, err)
	}
	return said, nil
}

// get returns what came with status 200; redirects are not followed.
func (b *Balancer) get(ctx context.Context) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, b.cfg.Members, nil)
	if err != nil {
		return "", err
	}
	response, err := b.transport.RoundTrip(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close() //nolint:errcheck // it was read, or there is an error already
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("status %d: nginx's configuration must have this location, from the template in compose/nginx", response.StatusCode)
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("the answer broke off: %w", err)
	case len(text) > maxAnswer:
		return "", fmt.Errorf("more than %d MiB came: is this the location of the template in compose/nginx?", maxAnswer>>20)
	}
	return string(text), nil
}
