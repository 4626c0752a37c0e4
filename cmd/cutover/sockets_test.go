package main

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestWhatTakesLongIsAnnounced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for took, want := range map[time.Duration]int{time.Second: 0, 10 * time.Second: 1} {
			said, done, began := 0, false, time.Now()
			announced(2*time.Second, func() { said++ }, func() { <-time.After(took); done = true })
			if said != want || !done || time.Since(began) != took {
				t.Errorf("%s: said %d times, done %v after %s", took, said, done, time.Since(began))
			}
		}
	})
}
