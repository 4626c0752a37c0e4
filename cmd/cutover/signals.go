package main

import (
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
)

// signals counts what an operator or an init system sends to end the program.
type signals struct {
	number  atomic.Int64
	arrived chan os.Signal
}

// watchSignals takes SIGINT and SIGTERM over until stop is called. Each pokes wake.
func watchSignals(wake chan struct{}) *signals {
	s := &signals{arrived: make(chan os.Signal, 4)}
	signal.Notify(s.arrived, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		for range s.arrived {
			s.number.Add(1)
			poke(wake)
		}
	}()
	return s
}

// poke wakes whoever waits on a channel that holds one.
func poke(wake chan struct{}) {
	select {
	case wake <- struct{}{}:
	default: // it will wake up anyway
	}
}

func (s *signals) count() int { return int(s.number.Load()) }

func (s *signals) stop() {
	signal.Stop(s.arrived)
	close(s.arrived)
}
