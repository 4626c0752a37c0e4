package main

import (
	"time"

	"github.com/cutover/cutover/cutover/report"
	"github.com/cutover/cutover/lb"
)

// propagations are what was measured of the load balancers, as the report has it.
func propagations(measured []lb.Propagation) []report.Propagation {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	var all []report.Propagation
	for _, p := range measured {
		each := map[string]float64{}
		for name, took := range p.Balancers {
			each[name] = ms(took)
		}
		all = append(all, report.Propagation{Target: p.Target, To: p.To, All: ms(p.All), Balancers: each})
	}
	return all
}
