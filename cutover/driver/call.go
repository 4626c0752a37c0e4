package driver

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"

	"github.com/cutover/cutover/cutover"
)

// largestAnswer bounds what is read of any answer.
const largestAnswer = 1 << 20

// endpoint is one port of one container, as its product's admin client.
type endpoint struct {
	client         *http.Client
	base           string // scheme://host:port
	user, password string
}

// newClient follows no redirect, keeps no connection open (the product's drain must not see ours) and uses no proxy.
func newClient(secure *tls.Config) *http.Client {
	return &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true, Proxy: nil, TLSClientConfig: secure, MaxResponseHeaderBytes: 64 << 10},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func endpointAt(client *http.Client, scheme string, place cutover.Place, containerPort int, user, password string) (endpoint, error) {
	port := place.Port(containerPort)
	if place.Address == "" || port == 0 {
		return endpoint{}, fmt.Errorf("port %d of the container can't be reached: it is not published", containerPort)
	}
	return endpoint{client, scheme + "://" + net.JoinHostPort(place.Address, strconv.Itoa(port)), user, password}, nil
}

// answer is a complete HTTP answer.
type answer struct {
	status int
	body   []byte
}

// call makes one request; body is sent as JSON when it is not nil. No answer is an error; any status is not.
func (e endpoint) call(ctx context.Context, method, path string, body any) (answer, error) {
	var sent io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return answer{}, err
		}
		sent = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(ctx, method, e.base+path, sent)
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("Accept", "application/json")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if e.user != "" {
		request.SetBasicAuth(e.user, e.password)
	}
	response, err := e.client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close() //nolint:errcheck // read to its end or given up
	data, err := io.ReadAll(io.LimitReader(response.Body, largestAnswer))
	if err != nil {
		return answer{}, fmt.Errorf("%s %s: %w", method, path, err)
	}
	return answer{response.StatusCode, data}, nil
}

// decode reads a JSON answer; unknown fields are ignored, because products add some in every version.
func (a answer) decode(into any) error {
	if err := json.Unmarshal(a.body, into); err != nil {
		return fmt.Errorf("the answer is not the JSON expected: %w", err)
	}
	return nil
}

// why is the answer's own words, bounded, for an error.
func (a answer) why() string {
	text := bytes.TrimSpace(a.body)
	if len(text) > 300 {
		text = append(text[:300:300], "…"...)
	}
	return strconv.Itoa(a.status) + " " + string(text)
}

// brief says in a few words why there was no answer.
func brief(err error) string {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err.Error()
	}
	if errors.Is(err, io.EOF) {
		return "connection closed without an answer"
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time"
	}
	return err.Error()
}

// refusedConnection reports whether nobody listens there.
func refusedConnection(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }

// cutOff reports whether the other side does not answer any more: nobody listens, or the connection was closed. Being
// slow is another thing.
func cutOff(err error) bool {
	return refusedConnection(err) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// loose is text that a product sends as a JSON string in one version and as a number or a boolean in another.
type loose string

// UnmarshalJSON takes a string as it is, null as nothing, and anything else as it is written.
func (l *loose) UnmarshalJSON(raw []byte) error {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		*l = loose(text)
		return nil
	}
	*l = loose(raw)
	return nil
}

// yes reports whether it says so, in any of the spellings of these products.
func (l loose) yes() bool {
	switch strings.ToLower(string(l)) {
	case "true", "yes", "1", "on":
		return true
	}
	return false
}

// number is the number in it, or 0.
func (l loose) number() int {
	n, err := strconv.Atoi(strings.TrimSpace(string(l)))
	if err != nil {
		return 0
	}
	return n
}
