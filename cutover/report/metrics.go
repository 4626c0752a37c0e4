package report

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// WriteMetrics writes the figures of the run for Prometheus, as node_exporter's textfile collector reads them: the file
// is replaced as a whole, and its name must end in .prom for that. Times are in seconds.
func (r Report) WriteMetrics(path string) error {
	all := prometheus.NewRegistry()
	gauge := func(name, help string, value float64) {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Name: "cutover_last_run_" + name, Help: help, ConstLabels: prometheus.Labels{"service": r.Service}})
		g.Set(value)
		all.MustRegister(g) // names are constant
	}
	gauge("exit_code", "How the last run ended: 0 done, 1 refused, 2 rolled back, 3 stuck, 4 lock, 5 stopped.", float64(r.ExitCode))
	gauge("finished_timestamp_seconds", "When the last run ended.", float64(r.Finished.UnixMilli())/1000)
	gauge("duration_seconds", "How long the last run took.", r.Finished.Sub(r.Started).Seconds())
	gauge("overhead_seconds", "The part of it that was not spent waiting.", r.Overhead)
	gauge("warnings", "How many warnings it gave.", float64(len(r.Warnings)))
	gauge("connections_cut", "Connections in flight that were given up because their budget was over.", float64(r.Cut))
	if r.Probe != nil {
		gauge("probe_requests", "Requests that the probe made.", float64(r.Probe.Requests))
		gauge("probe_requests_lost", "Those of them that were lost.", float64(r.Probe.Lost))
	}
	propagation := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "cutover_last_run_propagation_seconds", Help: "From a change in Consul to the load balancer that runs it.", ConstLabels: prometheus.Labels{"service": r.Service},
	}, []string{"target", "to", "load_balancer"})
	for _, p := range r.Balancers {
		for name, ms := range p.Balancers {
			propagation.WithLabelValues(p.Target, string(p.To), name).Set(ms / 1000)
		}
	}
	all.MustRegister(propagation)
	if err := prometheus.WriteToTextfile(path, all); err != nil {
		return fmt.Errorf("write the metrics: %w", err)
	}
	return nil
}
