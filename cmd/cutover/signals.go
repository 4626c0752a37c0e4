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
	wake    chan struct{}
	arrived chan os.Signal
}

// watchSignals takes SIGINT and SIGTERM over until stop is called.
func watchSignals() *signals {
	s := &signals{wake: make(chan struct{}, 1), arrived: make(chan os.Signal, 4)}
	signal.Notify(s.arrived, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		for range s.arrived {
			s.number.Add(1)
			select {
			case s.wake <- struct{}{}:
			default: // it will wake up anyway
			}
		}
	}()
	return s
}

func (s *signals) count() int { return int(s.number.Load()) }

func (s *signals) stop() {
	signal.Stop(s.arrived)
	close(s.arrived)
}
