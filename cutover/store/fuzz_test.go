package store

import (
	"encoding/json"
	"testing"

	"github.com/hashicorp/consul/api"

	"github.com/cutover/cutover/cutover"
)

// Whatever somebody has put into Consul's keys is an error or is read: nothing of it makes the program fall over.
func FuzzStored(f *testing.F) {
	plan, err := pack(cutover.Plan{Spec: cutover.Spec{Service: "api-gateway", Rollout: "7f3a"}})
	if err != nil {
		f.Fatal(err)
	}
	records, err := pack([]cutover.Record{{Rollout: "7f3a"}})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range [][]byte{plan, records, []byte(`{"version":1,"rollout":"7f3a","parts":1,"entries":-1}`), []byte(`{"pid":-1,"process":{"pid":1}}`), {0x1f, 0x8b}} {
		f.Add(seed)
	}
	f.Fuzz(func(_ *testing.T, value []byte) {
		if len(value) > 4096 {
			return
		}
		var p cutover.Plan
		_ = unpack(value, &p)
		_, _ = recordsIn(&api.KVPair{Value: value})
		var h head
		_ = json.Unmarshal(value, &h)
		var o owner
		if json.Unmarshal(value, &o) == nil {
			_ = o.Process.dead()
		}
	})
}
