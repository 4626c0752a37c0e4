package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"

	"github.com/cutover/cutover/cutover"
	"github.com/cutover/cutover/cutover/config"
	"github.com/cutover/cutover/image"
)

// trialServer is an Integration Server, or a product on one, without what it is connected to elsewhere. Its health may
// be red for want of that, so it is not asked: only whether it answers, and whether the image's packages are loaded.
// The services are those that the driver asks (wm.server.packages; Hot Deployment of Packages, 10.5).
type trialServer struct {
	place    cutover.Place
	driver   config.Driver
	password string
}

func (t trialServer) well(ctx context.Context, packages []image.Package) (bool, string) {
	port, err := t.answering(ctx)
	if err != nil {
		return false, err.Error()
	}
	var missing []string
	for _, p := range packages {
		if wrong := t.packageWrong(ctx, port, p.Name); wrong != "" {
			missing = append(missing, p.Name+" "+wrong)
		}
	}
	if len(missing) > 0 {
		return false, "packages: " + strings.Join(missing, ", ")
	}
	return true, fmt.Sprintf("port %d answers, %d packages of the image are loaded", port, len(packages))
}

// answering is the first of the diagnostic and the administration port that offers services, or at least speaks HTTP.
func (t trialServer) answering(ctx context.Context) (int, error) {
	ports := []int{t.driver.DiagnosticPort, t.driver.Port}
	for i, usual := range []int{9999, 5555} {
		if ports[i] == 0 || (i == 1 && t.driver.HTTPS) {
			ports[i] = usual
		}
	}
	var last error
	some := 0
	for _, port := range ports {
		response, err := t.call(ctx, port, "wm.server/ping", nil)
		if err != nil {
			last = fmt.Errorf("port %d: %w", port, err)
			continue
		}
		response.Body.Close() //nolint:errcheck,gosec // not read
		if some == 0 || response.StatusCode == http.StatusOK {
			some = port
		}
		if response.StatusCode == http.StatusOK {
			break
		}
	}
	if some == 0 {
		return 0, last
	}
	return some, nil
}

// packageWrong says what is wrong with a package, or "".
func (t trialServer) packageWrong(ctx context.Context, port int, name string) string {
	var status struct{ Exists, Enabled any }
	if err := t.ask(ctx, port, "wm.server.packages/getPackageStatus", name, &status); err != nil {
		return err.Error()
	}
	var info struct {
		Errors any `json:"loaderr"`
	}
	if err := t.ask(ctx, port, "wm.server.packages/packageInfo", name, &info); err != nil {
		return err.Error()
	}
	errors := fmt.Sprint(info.Errors)
	switch {
	case !yes(status.Exists):
		return "is not there"
	case !yes(status.Enabled):
		return "is disabled"
	case info.Errors != nil && errors != "0" && errors != "":
		return "has load errors: " + errors
	}
	return ""
}

// yes reads what one version sends as text and another as a boolean.
func yes(said any) bool {
	text := strings.ToLower(fmt.Sprint(said))
	return text == "true" || text == "yes"
}

func (t trialServer) ask(ctx context.Context, port int, service, packageName string, into any) error {
	response, err := t.call(ctx, port, service, map[string]string{"package": packageName})
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // read to its end below
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusUnauthorized:
		return fmt.Errorf("can't be asked for: %s: 401: give image.verify the user and password that the image itself has", service)
	default:
		return fmt.Errorf("can't be asked for: %s: %s", service, response.Status)
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(into); err != nil {
		return fmt.Errorf("can't be asked for: %s: the answer is not the JSON expected: %w", service, err)
	}
	return nil
}

var trialClient = &http.Client{Transport: &http.Transport{DisableKeepAlives: true, Proxy: nil}}

func (t trialServer) call(ctx context.Context, port int, service string, in any) (*http.Response, error) {
	at := t.place.Port(port)
	if t.place.Address == "" || at == 0 {
		return nil, fmt.Errorf("it can't be reached: it is not published")
	}
	var body bytes.Buffer
	method := http.MethodGet
	if in != nil {
		method = http.MethodPost
		if err := json.NewEncoder(&body).Encode(in); err != nil {
			return nil, err
		}
	}
	url := "http://" + net.JoinHostPort(t.place.Address, strconv.Itoa(at)) + "/invoke/" + service
	request, err := http.NewRequestWithContext(ctx, method, url, &body)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Content-Type", "application/json")
	if t.driver.User != "" {
		request.SetBasicAuth(t.driver.User, t.password)
	}
	return trialClient.Do(request)
}
