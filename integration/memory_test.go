//go:build integration

package integration

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"time"
)

var highWater = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// watchMemory reads the most memory that a process has had so far, again and again, until the returned function is
// called, which returns it in KiB. What the kernel tells of an ended process counts the memory of the one that started it.
func watchMemory(pid int) (peak func() int64) {
	stop, done := make(chan struct{}), make(chan int64)
	go func() {
		var most int64
		for {
			status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)) // it may have ended
			if found := highWater.FindSubmatch(status); found != nil {
				if kib, err := strconv.ParseInt(string(found[1]), 10, 64); err == nil {
					most = max(most, kib)
				}
			}
			select {
			case <-stop:
				done <- most
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	}()
	return func() int64 { close(stop); return <-done }
}
