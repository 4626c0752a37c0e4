package cutover

import "time"

// Clock is the runner's only source of time.
type Clock interface {
	Now() time.Time
	// Wait returns after d, or sooner when one of the channels can be received from. The runner looks at
	// everything again afterwards, so an early return does no harm.
	Wait(d time.Duration, wake ...<-chan struct{})
}

// WallClock is the real time.
type WallClock struct{}

// Now is the current time.
func (WallClock) Now() time.Time { return time.Now() }

// Wait blocks for d, or until the first or second channel can be received from; more are not looked at.
func (WallClock) Wait(d time.Duration, wake ...<-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	var channels [2]<-chan struct{}
	copy(channels[:], wake)
	select {
	case <-timer.C:
	case <-channels[0]:
	case <-channels[1]:
	}
}
