package nginx

import (
	"context"
	"fmt"
	"net/http"

	"github.com/cutover/cutover/lb"
)

const maxAnswer = 1 << 20 // a server takes about 50 bytes

func newFetcher() *lb.Fetcher {
	return lb.Fetcher{Limit: maxAnswer, TooMuch: "is this the location of the template in compose/nginx?", Refused: func(response *http.Response) error {
		return fmt.Errorf("status %d: nginx's configuration must have this location, from the template in compose/nginx", response.StatusCode)
	}}.Trusting(nil)
}

// ask asks one worker, on a connection of its own. It blocks until the answer is complete, for at most some seconds.
func (b *Balancer) ask(ctx context.Context) (answer, error) {
	text, _, err := b.fetcher.Get(ctx, b.cfg.Members)
	if err != nil {
		return answer{}, err
	}
	said, err := parse(string(text))
	if err != nil {
		return answer{}, fmt.Errorf("ask %s: %w", b.cfg.Members, err)
	}
	return said, nil
}
