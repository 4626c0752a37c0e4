package cutovertest

import "time"

// Clock is a time of its own: it moves only when somebody waits, and lets a World's effects land on the way.
type Clock struct {
	now   time.Time
	tick  func(now time.Time) // called when the time has moved
	Moves int                 // how often somebody waited
}

// NewClock starts at a fixed moment.
func NewClock() *Clock { return &Clock{now: time.Date(2026, 1, 1, 2, 0, 0, 0, time.UTC)} }

// Now is the model's time.
func (c *Clock) Now() time.Time { return c.now }

// Wait moves the time by d at once, unless one of the channels can be received from already.
func (c *Clock) Wait(d time.Duration, wake ...<-chan struct{}) {
	c.Moves++
	for _, channel := range wake {
		select {
		case <-channel:
			return
		default:
		}
	}
	c.now = c.now.Add(d)
	if c.tick != nil {
		c.tick(c.now)
	}
}
