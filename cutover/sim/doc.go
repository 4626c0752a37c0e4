// Package sim simulates whole rollouts: runner, store, Docker, Consul, load balancers and gateways under a seeded random
// scheduler, with faults at random moments. All of it is in tests; see DESIGN.md.
package sim
