package driver

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/cutover/cutover/cutover"
)

// APIGateway drives webMethods API Gateway through its administration API. The facts it rests on are the vendor's:
// the Swagger files and the zero-downtime upgrade tutorials of SoftwareAG/webmethods-api-gateway.
type APIGateway struct {
	User, Password string
	AdminPort      int      // 5555: administration and runtime
	QuiescePort    int      // created when it is not there; it survives quiescing
	DiagnosticPort int      // 9999: survives quiescing too
	Flush          []string // empty: all that the product can flush
	Containers     Containers

	client  func() *http.Client
	mu      sync.Mutex
	quiesce map[string]bool      // targets that were asked to quiesce, and not to come back since
	lives   map[string]time.Time // start of the life in which a target was asked to quiesce
}

// NewAPIGateway fills in the ports that are not given.
func NewAPIGateway(d *APIGateway) *APIGateway {
	setDefault := func(port *int, value int) {
		if *port == 0 {
			*port = value
		}
	}
	setDefault(&d.AdminPort, 5555)
	setDefault(&d.QuiescePort, 4444)
	setDefault(&d.DiagnosticPort, 9999)
	d.client = sync.OnceValue(newClient)
	d.lives, d.quiesce = map[string]time.Time{}, map[string]bool{}
	return d
}

// Ladder is active and quiesced; quiesced has no way back but a restart, because quiescing disables the package
// that could undo it (Swagger file APIGatewayAdministration.json, quiescemode).
func (d *APIGateway) Ladder() []cutover.State {
	return []cutover.State{cutover.Active, cutover.Quiesced}
}

// Ready gates on /health and /health/engine, which are green or yellow with 200 and red with 500. /health/all is
// red when Kibana is down, so it is not asked. A node may come up quiesced, so its mode counts too.
func (d *APIGateway) Ready(ctx context.Context, _ string, place cutover.Place) (bool, string, error) {
	admin, err := d.at(place, d.AdminPort)
	if err != nil {
		return false, "", err
	}
	health, err := admin.call(ctx, http.MethodGet, "/rest/apigateway/health", nil)
	if err != nil {
		return false, "health: " + brief(err), nil
	}
	if health.status != http.StatusOK {
		return false, fmt.Sprintf("health: %d", health.status), nil
	}
	engine, err := admin.call(ctx, http.MethodGet, "/rest/apigateway/health/engine", nil)
	if err != nil {
		return false, "health 200, engine: " + brief(err), nil
	}
	if engine.status == http.StatusUnauthorized {
		return false, "", fmt.Errorf("health/engine: %w", errCredentials)
	}
	var report struct {
		Status string `json:"status"`
	}
	if err := engine.decode(&report); err != nil && engine.status == http.StatusOK {
		return false, "", fmt.Errorf("health/engine: %w", err)
	}
	detail := fmt.Sprintf("health 200, engine %s", report.Status)
	if engine.status != http.StatusOK || (report.Status != "green" && report.Status != "yellow") {
		return false, fmt.Sprintf("%s (%d)", detail, engine.status), nil
	}
	mode, err := d.mode(ctx, place)
	if err != nil {
		return false, detail + ", mode: " + brief(err), nil
	}
	return mode == modeActive, detail + ", " + mode, nil
}

var errCredentials = errors.New("401: wrong driver.user or password, or the user lacks the privilege to administer API Gateway")

// Check asks what Ready asks of a node that serves, and whether the credentials are good for more.
func (d *APIGateway) Check(ctx context.Context, target string, place cutover.Place) []error {
	ready, detail, err := d.Ready(ctx, target, place)
	switch {
	case errors.Is(err, errCredentials):
		return []error{fmt.Errorf("%s: %w: check driver.user, driver.password_file and driver.password_env", target, err)}
	case err != nil:
		return []error{fmt.Errorf("%s: %w", target, err)}
	case !ready:
		return []error{fmt.Errorf("%s serves, but it is not ready (%s): check driver.port and the node's logs", target, detail)}
	}
	admin, err := d.at(place, d.AdminPort)
	if err != nil {
		return []error{fmt.Errorf("%s: %w", target, err)}
	}
	if got, err := admin.call(ctx, http.MethodGet, "/rest/apigateway/quiescemode", nil); err != nil {
		return []error{fmt.Errorf("%s: quiescemode: %w", target, err)}
	} else if got.status == http.StatusNotFound {
		return []error{fmt.Errorf("%s has no quiescemode in its API: it needs 10.5 with Fix 9, or a later version; use driver.kind: http or none and accept that its metrics in memory are lost", target)}
	}
	if place.Port(d.QuiescePort) == 0 {
		return []error{fmt.Errorf("%s: the quiesce port %d is not published, so quiescing could not be observed: publish it, or use containers.network", target, d.QuiescePort)}
	}
	return nil
}

func (d *APIGateway) at(place cutover.Place, port int) (endpoint, error) {
	return endpointAt(d.client(), place, port, d.User, d.Password)
}
