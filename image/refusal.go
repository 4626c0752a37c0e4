package image

import (
	"fmt"
	"slices"
	"strings"
)

// explain says what stands between an engine and a registry, and what to do about it. Registries say the same in many
// words, and an engine passes them on as text.
func (l login) explain(err error) error {
	text := strings.ToLower(err.Error())
	says := func(signs ...string) bool {
		return slices.ContainsFunc(signs, func(sign string) bool { return strings.Contains(text, sign) })
	}
	remedy := ""
	switch {
	case says("server gave http response to https client"):
		remedy = "%s speaks HTTP, and the engine HTTPS: give it a certificate, or name it in insecure-registries of the engine's daemon.json"
	case says("x509", "certificate", "tls:"):
		remedy = "the engine does not trust %[1]s: put the certificate of its authority into /etc/docker/certs.d/%[1]s/ca.crt on the engine's machine"
	case says("connection refused", "connection reset", "no such host", "no route to host", "network is unreachable", "timeout", "deadline exceeded", "request canceled", ": eof"):
		remedy = "the engine can't reach %s: is it up, is its name right, and may the engine's machine connect to it?"
	case says("quota", "exceed", "no space left", "too large", "status: 5", "internal server error", "bad gateway", "unavailable", "unknown error"):
		remedy = "%s has taken the credentials and not the image: look for room, for a quota, and into its log"
	case says("unauthorized", "no basic auth credentials", "authentication required", "status: 401", "incorrect username", "denied", "forbidden", "status: 403"):
		remedy = l.denied()
	case says("manifest unknown", "name unknown", "not found"):
		remedy = "%s has no such image: correct its name"
	default:
		return err
	}
	if strings.Contains(remedy, "%") {
		remedy = fmt.Sprintf(remedy, l.host)
	}
	return fmt.Errorf("%w: %s", err, remedy)
}

func (l login) denied() string {
	advice := fmt.Sprintf("there are no credentials for %[1]s in %[2]s: docker login %[1]s", l.host, l.file)
	if l.who != "" {
		advice = fmt.Sprintf("%[1]s refuses %[2]s of %[3]s: docker login %[1]s anew, or have the right given", l.host, l.who, l.file)
	}
	if l.host == dockerHub {
		advice += "; a name that does not begin with a registry's host is Docker Hub's"
	}
	return advice
}
