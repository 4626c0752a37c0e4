package image

import (
	"errors"
	"strings"
	"testing"
)

// What engines and registries say, as it was seen, and what is made of it.
func TestRefusalsAreExplained(t *testing.T) {
	nobody := login{host: "reg.example:5000", file: "/home/ops/.docker/config.json"}
	somebody := login{host: "reg.example:5000", file: nobody.file, who: `user "ops"`}
	for text, c := range map[string]struct {
		as   login
		want string
	}{
		"no basic auth credentials":                                                           {nobody, "there are no credentials for reg.example:5000 in /home/ops/.docker/config.json: docker login reg.example:5000"},
		"unauthorized: authentication required":                                               {somebody, `reg.example:5000 refuses user "ops"`},
		"denied: requested access to the resource is denied":                                  {login{host: dockerHub}, "is Docker Hub's"},
		"received unexpected HTTP status: 403 Forbidden":                                      {somebody, "docker login reg.example:5000 anew"},
		"received unexpected HTTP status: 507 Insufficient Storage":                           {somebody, "look for room"},
		"denied: adding 1.2 GiB of storage resource, which when updated … will exceed the …":  {somebody, "for a quota"},
		`Get "https://reg.example:5000/v2/": http: server gave HTTP response to HTTPS client`: {nobody, "insecure-registries"},
		`Get "https://reg.example:5000/v2/": x509: certificate signed by unknown authority`:   {nobody, "/etc/docker/certs.d/reg.example:5000/ca.crt"},
		`Get "https://reg.example:5000/v2/": dial tcp: lookup reg.example: no such host`:      {nobody, "can't reach reg.example:5000"},
		"manifest for reg.example:5000/ops/x:1 not found: manifest unknown: manifest unknown": {somebody, "has no such image"},
	} {
		cause := errors.New(text)
		if err := c.as.explain(cause); !errors.Is(err, cause) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "%!") {
			t.Errorf("%s: got %v", text, err)
		}
	}
	other := errors.New("something new")
	if err := nobody.explain(other); err.Error() != other.Error() {
		t.Errorf("got %v", err)
	}
}
