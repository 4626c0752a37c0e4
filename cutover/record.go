package cutover

import (
	"slices"
	"time"
)

// Record is what is remembered of a rollout when the next one takes its journal's place.
type Record struct {
	Rollout    string    `json:"rollout"`
	Image      Image     `json:"image"`
	Replaced   []Image   `json:"replaced,omitempty"` // what ran before, without repeats
	Containers int       `json:"containers"`         // how many were to be replaced
	Started    time.Time `json:"started"`
	Ended      time.Time `json:"ended"` // of the last step that ended; zero when none has
	Outcome    Outcome   `json:"outcome,omitempty"`
	Reason     string    `json:"reason,omitempty"`
	Warnings   []string  `json:"warnings,omitempty"`
}

// RecordsKept is how many records a store keeps of a service: the youngest.
const RecordsKept = 50

// Record sums a journal up.
func (j Journal) Record() Record {
	spec := j.Plan.Spec
	record := Record{
		Rollout: spec.Rollout, Image: spec.Image, Containers: len(j.Plan.Pairs),
		Started: j.Started, Outcome: j.Outcome, Reason: j.Reason, Warnings: j.Warnings,
	}
	for _, pair := range j.Plan.Pairs {
		if node, ok := j.Plan.Node(pair.Old); ok && !slices.Contains(record.Replaced, node.Image) {
			record.Replaced = append(record.Replaced, node.Image)
		}
	}
	for _, entry := range j.History {
		if entry.Ended.After(record.Ended) {
			record.Ended = entry.Ended
		}
	}
	return record
}

// WithRecord is a service's list of records, the youngest first, with one more; what is too much is left out.
func WithRecord(records []Record, record Record) []Record {
	records = append([]Record{record}, records...)
	return records[:min(len(records), RecordsKept)]
}
