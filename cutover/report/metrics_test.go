package report_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cutover/cutover/cutover"
	"github.com/cutover/cutover/cutover/probe"
	"github.com/cutover/cutover/cutover/report"
)

func TestMetrics(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cutover.prom")
	r := report.Report{
		Service: "api-gateway", ExitCode: 2, Started: time.Unix(1000, 0), Finished: time.Unix(1090, 0), Overhead: 0.25, Cut: 3, Warnings: []string{"one"},
		Probe:     &probe.Summary{Requests: 100, Lost: 1},
		Balancers: []report.Propagation{{Target: "gateway-1", To: cutover.Drained, All: 80, Balancers: map[string]float64{"lb-1": 80}}},
	}
	if err := r.WriteMetrics(path); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`cutover_last_run_exit_code{service="api-gateway"} 2`, `cutover_last_run_duration_seconds{service="api-gateway"} 90`,
		`cutover_last_run_finished_timestamp_seconds{service="api-gateway"} 1090`, `cutover_last_run_connections_cut{service="api-gateway"} 3`,
		`cutover_last_run_probe_requests_lost{service="api-gateway"} 1`, `cutover_last_run_warnings{service="api-gateway"} 1`,
		`cutover_last_run_propagation_seconds{load_balancer="lb-1",service="api-gateway",target="gateway-1",to="drained"} 0.08`,
	} {
		if !strings.Contains(string(text), want+"\n") {
			t.Errorf("%s is not in\n%s", want, text)
		}
	}
	if err := r.WriteMetrics(filepath.Join(t.TempDir(), "no", "such", "folder.prom")); err == nil {
		t.Error("no folder, and no error")
	}
}
