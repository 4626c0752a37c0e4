package node

import (
	"testing"
	"time"
)

func TestFaultsThatDoNotParse(t *testing.T) {
	for _, text := range []string{"unknown", "never-ready=1", "unhealthy-after", "unhealthy-after=soon", "package-broken", "mode-field", "mode-field=tea"} {
		if _, err := ParseFaults(text); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}

func TestReadinessFaults(t *testing.T) {
	for _, c := range []struct {
		faults         string
		health, engine int
	}{
		{NeverReady, 500, 500},
		{EngineRed, 200, 500},
		{UnhealthyAfter + "=1ms", 500, 500},
		{WrongPassword, 200, 401},
		{Standalone, 200, 200},
	} {
		t.Run(c.faults, func(t *testing.T) {
			r := start(t, c.faults, nil)
			r.until("the node's own answers", func() bool {
				return r.call("GET", r.admin+"/rest/apigateway/health", "", nil) == c.health &&
					r.call("GET", r.admin+"/rest/apigateway/health/engine", "", nil) == c.engine
			})
		})
	}
}

func TestStandaloneLooksHealthyButIsNotClustered(t *testing.T) {
	r := start(t, Standalone, nil)
	var cluster struct{ ClusterAware, CurrentlyClustered bool }
	r.until("is/cluster answers", func() bool {
		return r.call("GET", r.admin+"/rest/apigateway/is/cluster", "", &cluster) == 200
	})
	if !cluster.ClusterAware || cluster.CurrentlyClustered {
		t.Fatalf("%+v", cluster)
	}
}

func TestQuiesceFaults(t *testing.T) {
	r := start(t, QuiesceRefused, nil)
	r.untilReady()
	quiesce := r.quiescePort()
	r.call("GET", r.admin+"/gateway/orders", "", nil)
	put := func(want int) {
		t.Helper()
		if code := r.call("PUT", r.admin+"/rest/apigateway/quiescemode", quiesceAll, nil); code != want {
			t.Fatalf("quiesce: %d, not %d", code, want)
		}
	}
	put(500)
	if code := r.call("PUT", r.diagnostic+"/standin/faults", FlushFails, nil); code != 200 {
		t.Fatalf("change the faults: %d", code)
	}
	put(200)
	var mode struct{ Status, FailureReason string }
	r.until("status failure", func() bool {
		r.call("GET", quiesce+"/rest/apigateway/quiescemode", "", &mode)
		return mode.Status == "failure" && mode.FailureReason != ""
	})
	if code := r.call("GET", quiesce+"/rest/apigateway/health", "", nil); code != 200 || r.node.Held().Transactions != 1 {
		t.Fatalf("after the failure: health %d, held %+v", code, r.node.Held())
	}
}

func TestCrashInFlushLosesWhatIsHeld(t *testing.T) {
	r := start(t, CrashInFlush, nil)
	r.untilReady()
	quiesce := r.quiescePort()
	r.call("GET", r.admin+"/gateway/orders", "", nil)
	r.call("PUT", r.admin+"/rest/apigateway/quiescemode", quiesceAll, nil)
	if exit := <-r.exit; exit.Code == 0 {
		t.Fatal("a crash with exit code 0")
	}
	if code := r.call("GET", quiesce+"/rest/apigateway/health", "", nil); code != 0 || r.totals().Transactions != 0 {
		t.Fatalf("health %d, flushed %d", code, r.totals().Transactions)
	}
}

func TestCrashAtStart(t *testing.T) {
	faults, _ := ParseFaults(CrashAtStart)
	exit, err := New(Config{StartTime: time.Millisecond, Faults: faults, Host: "127.0.0.1"}).Run(t.Context())
	if err == nil || exit.Code != 1 {
		t.Fatalf("%+v %v", exit, err)
	}
}

func TestSigtermIgnored(t *testing.T) {
	r := start(t, SigtermIgnored, nil)
	r.untilReady()
	r.node.Terminate()
	if len(r.node.ended) != 0 {
		t.Fatal("SIGTERM was heard")
	}
	r.untilReady()
}

func TestStartQuiesced(t *testing.T) {
	r := start(t, StartQuiesced, nil)
	r.until("mode QUIESCE and 5555 closed", func() bool {
		return r.mode() == "QUIESCE" && r.call("GET", r.admin+"/rest/apigateway/health", "", nil) == 0
	})
}
