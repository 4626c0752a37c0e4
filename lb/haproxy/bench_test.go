package haproxy_test

import "testing"

// BenchmarkLook is the cost of one poll of a real HAProxy with one worker, both processes on this machine.
func BenchmarkLook(b *testing.B) {
	p := start(b, "option idle-close-on-response")
	for b.Loop() {
		if _, err := p.balancer.Look(b.Context(), p.servers[:]); err != nil {
			b.Fatal(err)
		}
	}
}
