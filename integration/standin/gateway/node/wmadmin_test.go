package node

import "testing"

func (r *rig) adminMode(base string) (code int, mode string) {
	var out struct{ Server struct{ Mode string } }
	if code = r.call("GET", base+"/admin/server", "", nil); code == 200 {
		r.call("GET", base+"/admin/server", "", &out)
	}
	return code, out.Server.Mode
}

func TestWmAdminIsGoneInQuiesceMode(t *testing.T) {
	r, quiesce := plain(t, IntegrationServer, nil)
	if code, mode := r.adminMode(r.admin); code != 200 || mode != "ACTIVE" {
		t.Fatalf("%d %s", code, mode)
	}
	if code := r.call("POST", r.diagnostic+"/admin/server?action=quiesce&force=true", "", nil); code != 200 {
		t.Fatalf("quiesce: %d", code)
	}
	for _, base := range []string{quiesce, r.diagnostic} {
		if code, _ := r.adminMode(base); code != 404 {
			t.Fatalf("in quiesce mode %s answers %d", base, code)
		}
	}
	r.call("PUT", r.diagnostic+"/standin/faults", WmAdminSurvives, nil)
	if code, mode := r.adminMode(quiesce); code != 200 || mode != "QUIESCE" {
		t.Fatalf("%d %s", code, mode)
	}
}

func TestWmAdminAloneLeadsThereAndBack(t *testing.T) {
	r, quiesce := plain(t, IntegrationServer, map[string]string{"GATEWAY_FAULT": InvokeGone})
	if code := r.invoke("wm.server.quiesce/getCurrentMode", "", nil); code != 404 {
		t.Fatalf("the old service: %d", code)
	}
	if code := r.call("POST", r.admin+"/admin/server?action=quiesce", "", nil); code != 200 {
		t.Fatalf("quiesce: %d", code)
	}
	if _, mode := r.adminMode(quiesce); mode != "QUIESCE" {
		t.Fatalf("mode %q", mode)
	}
	if code := r.call("POST", quiesce+"/admin/server?action=exitQuiesce", "", nil); code != 200 {
		t.Fatalf("exit: %d", code)
	}
	if _, mode := r.adminMode(r.admin); mode != "ACTIVE" {
		t.Fatalf("mode %q", mode)
	}
	if code := r.call("POST", r.admin+"/admin/server?action=shutdown&force=true", "", nil); code != 200 {
		t.Fatalf("shutdown: %d", code)
	}
	if exit := <-r.exit; exit.Bounce || exit.Code != 0 {
		t.Fatalf("%+v", exit)
	}
}

func TestWmAdminParametersDifferByVersion(t *testing.T) {
	for _, c := range []struct {
		wmAdmin, query string
		want           int
	}{
		{"force", "when=immediate", 400},
		{"when", "force=true", 400},
		{"when", "when=later", 400},
		{"force", "force=true", 200},
		{"when", "when=immediate", 200},
		{"none", "force=true", 404},
	} {
		r, _ := plain(t, IntegrationServer, map[string]string{"WMADMIN": c.wmAdmin})
		if code := r.call("POST", r.admin+"/admin/server?action=quiesce&"+c.query, "", nil); code != c.want {
			t.Errorf("WMADMIN=%s, %s: %d, not %d", c.wmAdmin, c.query, code, c.want)
		}
	}
}

func TestWmAdminPackages(t *testing.T) {
	r, _ := plain(t, IntegrationServer, nil)
	url := r.admin + "/admin/package/WmPublic"
	enabled := func() string {
		var out struct {
			Package struct{ Loaderr, Enabled string }
		}
		r.call("GET", url, "", &out)
		return out.Package.Enabled
	}
	if enabled() != "true" || r.call("GET", r.admin+"/admin/package/Nothing", "", nil) != 404 {
		t.Fatal("packages")
	}
	r.call("POST", url+"?action=disable", "", nil)
	if enabled() != "false" {
		t.Fatal("still enabled")
	}
	r.invoke("wm.server.packages/packageEnable", `{"package":"WmPublic"}`, nil)
	if enabled() != "true" {
		t.Fatal("still disabled")
	}
}
