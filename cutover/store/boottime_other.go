//go:build !linux

package store

import "time"

// sinceBoot is the wall clock, which goes on while the machine is suspended.
func sinceBoot() time.Duration { return time.Duration(time.Now().UnixNano()) }
