package consul

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/hashicorp/consul/api"

	"github.com/cutover/cutover/cutover"
)

// code is the HTTP status of an answer that was an error, or 0.
func code(err error) int {
	var status api.StatusError
	if errors.As(err, &status) {
		return status.Code
	}
	return 0
}

// explain says what was being done to which agent, without the token or a password. A refused token can't be mended
// by asking again, so it is permanent; everything else may pass.
func (a *Agent) explain(doing string, err error) error {
	if err == nil {
		return nil
	}
	if asked := (*url.Error)(nil); errors.As(err, &asked) {
		err = asked.Err // what was asked of whom is said here, and its query would be longer than the rest
	}
	clean := scrubbed{err, a.secrets}
	switch code(err) {
	case 401, 403:
		return cutover.Permanent(fmt.Errorf("%s at Consul %s: %w: the token needs service:write on the members, node:read and agent:read; "+
			"check consul.token_file or token_env", doing, a.address, clean))
	case 0:
		return fmt.Errorf("%s at Consul %s: %w: check consul.address, and that the agent runs", doing, a.address, clean)
	}
	return fmt.Errorf("%s at Consul %s: %w", doing, a.address, clean)
}

// scrubbed prints an error with secrets blotted out; errors.Is and errors.As still see the original.
type scrubbed struct {
	error
	secrets []string
}

func (s scrubbed) Error() string {
	text := strings.TrimSpace(s.error.Error())
	for _, secret := range s.secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "…")
		}
	}
	return text
}

func (s scrubbed) Unwrap() error { return s.error }
