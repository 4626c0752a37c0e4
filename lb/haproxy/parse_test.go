package haproxy

import (
	"reflect"
	"strings"
	"testing"

	"github.com/cutover/cutover/lb"
)

func TestParseProcOfSeveralVersions(t *testing.T) {
	want := []process{{PID: 105}, {PID: 102, Old: true}, {PID: 101, Old: true}}
	cases := map[string]string{
		"2.4": "#<PID>          <type>          <relative PID>  <reloads>       <uptime>        <version>      \n" +
			"100             master          0               2               0d00h00m08s     2.4.22         \n" +
			"# workers\n105             worker          1               0               0d00h00m00s     2.4.22         \n" +
			"# old workers\n102             worker          [was: 1]        1               0d00h00m05s     2.4.22         \n" +
			"101             worker          [was: 1]        2               0d00h00m08s     2.4.22         \n# programs\n\n",
		"2.6": "#<PID>          <type>          <reloads>       <uptime>        <version>      \n" +
			"100             master          2 [failed: 0]   0d00h00m08s     2.6.12-1+deb12u4\n" +
			"# workers\n105             worker          0               0d00h00m00s     2.6.12-1+deb12u4\n" +
			"# old workers\n102             worker          1               0d00h00m05s     2.6.12-1+deb12u4\n" +
			"101             worker          2               0d00h00m08s     2.6.12-1+deb12u4\n# programs\n\n",
		"3.x with a program": "#<PID>          <type>          <reloads>       <uptime>        <version>      \n" +
			"100             master          2 [failed: 0]   0d00h00m08s     3.0.5          \n" +
			"# workers\n105             worker          0               0d00h00m00s     3.0.5          \n" +
			"# old workers\n102             worker          1               0d00h00m05s     3.0.5          \n" +
			"101             worker          2               0d00h00m08s     3.0.5          \n" +
			"# programs\n110             exporter        0               0d00h00m00s     -              \n\n",
	}
	for name, text := range cases {
		got, err := parseProc(text)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for _, bad := range []string{"", "#<PID>\n# workers\n", "#<PID>\n# workers\nx worker 0\n", "#<PID>\n# strangers\n1 worker 0\n"} {
		if got, err := parseProc(bad); err == nil {
			t.Errorf("%q: %+v, want an error", bad, got)
		}
	}
}

func TestStatus(t *testing.T) {
	for text, want := range map[string]lb.Status{
		"UP": lb.Up, "UP 1/3": lb.Up, "no check": lb.Up, "DOWN": lb.Down, "DOWN 1/2": lb.Down, "DOWN (agent)": lb.Down,
		"MAINT": lb.Maint, "MAINT (via app/s1)": lb.Maint, "MAINT (resolution)": lb.Unresolved,
		"DRAIN": lb.Drain, "DRAIN (agent)": lb.Drain, "NOLB 1/3": lb.Drain, "UPSIDE": "UPSIDE", "": "",
	} {
		if got := status(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add("# pxname,svname,qcur,scur,status,weight,type,addr,\napp,s1,0,0,UP,1,2,127.0.0.1:1,\n")
	f.Add("# pxname\n")
	f.Fuzz(func(t *testing.T, text string) {
		rows, err := parseStat(text)
		for _, r := range rows {
			if err != nil || r.Sessions < 0 || r.Queue < 0 || r.Weight < 0 {
				t.Fatalf("%+v, %v", r, err)
			}
		}
		if len(rows) > strings.Count(text, "\n")+strings.Count(text, "\r")+1 {
			t.Fatalf("%d rows of %d lines", len(rows), strings.Count(text, "\n"))
		}
	})
}

func FuzzParseProc(f *testing.F) {
	f.Add("#<PID> <type>\n1 master 0\n# workers\n2 worker 0\n# old workers\n3 worker 1\n# programs\n")
	f.Fuzz(func(t *testing.T, text string) {
		found, err := parseProc(text)
		running := 0
		for _, p := range found {
			if p.PID <= 0 {
				t.Fatalf("%+v", p)
			}
			if !p.Old {
				running++
			}
		}
		if (err == nil) != (running > 0) && (err == nil || found != nil) {
			t.Fatalf("%d running workers, %v", running, err)
		}
	})
}
