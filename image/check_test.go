package image

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestBadInputsAreNamed(t *testing.T) {
	for name, test := range map[string]struct {
		change func(t *testing.T, s *Spec)
		want   string
	}{
		"a missing package": {func(_ *testing.T, s *Spec) { s.Packages = []PackageSource{{Path: s.Folder + "/no/such"}} }, "no/such"},
		"an empty pattern":  {func(_ *testing.T, s *Spec) { s.Packages = []PackageSource{{Path: s.Folder + "/no/such/*"}} }, "no/such/*: there is nothing that this pattern names"},
		"no manifest":       {func(_ *testing.T, s *Spec) { s.Packages = []PackageSource{{Path: filepath.Join(s.Folder, "b")}} }, "it has no manifest.v3"},
		"a broken zip":      {func(_ *testing.T, s *Spec) { s.Packages[0].Path = s.Properties }, "application.properties: it is neither a folder nor a zip"},
		"a cut zip":         {cut, "Billing.zip: it is neither a folder nor a zip"},
		"a zip that leads out": {func(t *testing.T, s *Spec) {
			s.Packages[0].Path = zipped(t, filepath.Join(s.Folder, "Evil.zip"), "manifest.v3", "../../etc/passwd")
		}, `"../../etc/passwd" in it leads out`},
		"a missing file":     {func(_ *testing.T, s *Spec) { s.Files[0].From = s.Folder + "/gone" }, "image.files: gone: lstat"},
		"missing properties": {func(_ *testing.T, s *Spec) { s.Properties = s.Folder + "/gone" }, "image.properties: lstat"},
		"a file elsewhere":   {func(_ *testing.T, s *Spec) { s.Files[0].From = "/etc/passwd" }, "image.files: /etc/passwd: it leads to /etc/passwd, which is outside of"},
		"a way out":          {func(_ *testing.T, s *Spec) { s.Files[0].From = s.Folder + "/../../../../../../etc/passwd" }, "it leads to /etc/passwd, which is outside of"},
		"a package elsewhere": {func(t *testing.T, s *Spec) {
			s.Packages[0].Path = zipped(t, filepath.Join(t.TempDir(), "E.zip"), "manifest.v3")
		}, "E.zip, which is outside of"},
		"a folder that is a link": {func(t *testing.T, s *Spec) { s.Packages[0].Path = linkTo(t, s.Folder, t.TempDir()) }, "image.packages: link: it leads to"},
		"a link to a file":        {func(t *testing.T, s *Spec) { s.Files[0].From = linkTo(t, s.Folder, "/etc/passwd") }, "image.files: link: it leads to /etc/passwd"},
		"a path through a link":   {func(t *testing.T, s *Spec) { s.Files[0].From = linkTo(t, s.Folder, "/etc") + "/passwd" }, "it leads to /etc/passwd"},
		"an unreadable manifest": {func(t *testing.T, s *Spec) {
			put(t, s.Packages[0].Path, "manifest.v3", "\x00\xff\xfe")
		}, "Orders: its manifest.v3 can't be read"},
		"a symbolic link":          {linked, "passwd is a symbolic link"},
		"a manifest that is none":  {func(t *testing.T, s *Spec) { put(t, s.Packages[0].Path, "manifest.v3", "<Values") }, "Orders: its manifest.v3 can't be read"},
		"another kind of manifest": {func(t *testing.T, s *Spec) { put(t, s.Packages[0].Path, "manifest.v3", "<Manifest/>") }, "Orders: its manifest.v3 can't be read"},
		"a whiteout":               {func(t *testing.T, s *Spec) { put(t, s.Packages[0].Path, "ns/.wh.a", "") }, "would take files away"},
		"no version":               {func(t *testing.T, s *Spec) { put(t, s.Packages[0].Path, "manifest.v3", "<Values/>") }, "names no version"},
		"a package twice": {func(t *testing.T, s *Spec) {
			s.Packages = append(s.Packages, PackageSource{Path: zipped(t, filepath.Join(s.Folder, "b/Orders.zip"), "manifest.v3")})
		}, "Orders is given twice, by Orders and b/Orders.zip"},
		"two inputs for one place": {func(_ *testing.T, s *Spec) { s.Files = append(s.Files, s.Files[0]) }, "two inputs go to"},
		"a relative place":         {func(_ *testing.T, s *Spec) { s.Files[0].To = "config/x" }, "not an absolute path"},
		"an unknown place":         {func(_ *testing.T, s *Spec) { s.Files[0].To = "{{.Nowhere}}/x" }, "Nowhere"},
	} {
		t.Run(name, func(t *testing.T) {
			spec := inputs(t)
			if err := os.Mkdir(filepath.Join(spec.Folder, "b"), 0o755); err != nil {
				t.Fatal(err)
			}
			test.change(t, &spec)
			if _, _, err := spec.collect(vendor, recall("")); err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
	if _, _, err := inputs(t).collect(layout{}, recall("")); err == nil || !strings.Contains(err.Error(), "set image.home") {
		t.Errorf("no Integration Server: %v", err)
	}
}

func cut(t *testing.T, s *Spec) {
	if err := os.Truncate(s.Packages[1].Path, 100); err != nil {
		t.Fatal(err)
	}
}

// linkTo makes a link in a folder.
func linkTo(t *testing.T, folder, target string) string {
	t.Helper()
	name := filepath.Join(folder, "link")
	if err := os.Symlink(target, name); err != nil {
		t.Fatal(err)
	}
	return name
}

func linked(t *testing.T, s *Spec) {
	if err := os.Symlink("/etc/passwd", filepath.Join(s.Packages[0].Path, "passwd")); err != nil {
		t.Fatal(err)
	}
}

func TestPackagesMustFitTheBase(t *testing.T) {
	base := func(name string) (string, error) {
		return map[string]string{"WmPublic": "10.15", "WmART": "unknown"}[name], nil
	}
	for name, test := range map[string]struct {
		p    Package
		want string // "" for none
	}{
		"satisfied":           {Package{Name: "A", Requires: map[string]string{"WmPublic": "10.15"}}, ""},
		"any version":         {Package{Name: "A", Requires: map[string]string{"WmPublic": "*.*"}}, ""},
		"a vendor's own":      {Package{Name: "A", Requires: map[string]string{"WmART": "10.15"}}, ""},
		"by another":          {Package{Name: "A", Requires: map[string]string{"Common": "1.0"}}, ""},
		"not there":           {Package{Name: "A", Requires: map[string]string{"WmDB": "10.15"}}, "A depends on WmDB 10.15, which is neither in the base nor given"},
		"too old in the base": {Package{Name: "A", Requires: map[string]string{"WmPublic": "11.1"}}, "A depends on WmPublic 11.1, and the image would have 10.15"},
		"another too old":     {Package{Name: "A", Requires: map[string]string{"Common": "1.10"}}, "and the image would have 1.2"},
		"a vendor package":    {Package{Name: "WmPublic"}, "WmPublic is also in the base, version 10.15"},
		"meant":               {Package{Name: "WmPublic", override: true}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := checkPackages([]Package{test.p, {Name: "Common", Version: "1.2"}}, base)
			if (err == nil) != (test.want == "") || (err != nil && !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestSecretsAreRefusedAndNeverShown(t *testing.T) {
	const value = "hunter2"
	for name, test := range map[string]struct {
		file, content string
		want          string // "" for none
	}{
		"a password":              {"a.properties", "# users\nuser.Administrator.password=" + value, "a.properties:2: user.Administrator.password has a literal value"},
		"with spaces":             {"a.properties", "jdbc.pool.password : " + value, "a.properties:1"},
		"from the environment":    {"a.properties", "user.Administrator.password=$env{ADMIN}\njms.X.password=$secret{JMS}", ""},
		"half of it":              {"a.properties", "user.Administrator.password=$env{ADMIN}" + value, "a.properties:1"},
		"in a URL":                {"a.properties", "jdbc.pool.dbURL=jdbc:wm:sqlserver://db;user=x;password=" + value, "a.properties:1: jdbc.pool.dbURL has a password in a URL"},
		"in another":              {"a.yml", "url: https://me:" + value + "@host/", "a.yml:1: url has a password in a URL"},
		"in a URL, referred to":   {"a.properties", "jdbc.pool.dbURL=jdbc:wm:sqlserver://db;password=$env{DB}", ""},
		"YAML":                    {"a.yaml", "apigw:\n  elasticsearch:\n    http:\n      password: " + value, "a.yaml:4: password"},
		"YAML in a line":          {"a.yml", "es: {user: me, password: " + value + "}", "a.yml:1: password"},
		"JSON":                    {"a.json", `{"apiKey": "` + value + `"}`, "a.json:1: apiKey"},
		"XML":                     {"a.cnf.xml", `<value name="proxyPassword">` + value + `</value>`, "a.cnf.xml:1: proxyPassword"},
		"an XML attribute":        {"a.xml", `<pool user="x" password="` + value + `"/>`, "a.xml:1: password"},
		"an empty one":            {"a.properties", "db.password=\ndb.token=false", ""},
		"about a password":        {"a.properties", "watt.server.password.minLength=8\npassword_file=/run/secrets/x", ""},
		"a private key":           {"id", "x\n-----BEGIN RSA PRIVATE KEY-----\n" + value, "id:2: a private key"},
		"a certificate":           {"ca.pem", "-----BEGIN CERTIFICATE-----\nMIIB", ""},
		"a keystore":              {"a.p12", value, "a.p12: a keystore"},
		"a licence":               {"licenseKey.xml", "<x/>", "licenseKey.xml: a licence key"},
		"a licence by other name": {"is.xml", "<LicenseKey>" + value + "</LicenseKey>", "is.xml: a licence key"},
		"a flow":                  {"flow.xml", `<MAPSET FIELD="/password;1;0" NAME="x"/>`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			spec := inputs(t)
			spec.Files = []File{{From: put(t, spec.Folder, test.file, test.content), To: "{{.Home}}/config/"}}
			err := spec.checkSecrets(collected(t, spec))
			if (err == nil) != (test.want == "") || (err != nil && !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), value) {
				t.Errorf("the value is shown: %v", err)
			}
		})
	}
}

func TestSecretsMayBeAllowedByName(t *testing.T) {
	for name, want := range map[string]bool{
		"keys.p12": true, "config/keys.p12": true, "*.p12": true, "*.jks": false, "user.Administrator.password": false, "eys.p12": false, "other.p12": false,
	} {
		spec := inputs(t)
		spec.AllowSecrets = []string{name}
		spec.Files = []File{{From: put(t, spec.Folder, "keys.p12", "x"), To: "{{.Home}}/config/"}}
		if err := spec.checkSecrets(collected(t, spec)); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	spec := inputs(t)
	put(t, spec.Folder, "application.properties", "user.Administrator.password=x")
	spec.AllowSecrets = []string{"user.Administrator.password"}
	if err := spec.checkSecrets(collected(t, spec)); err != nil {
		t.Error(err)
	}
}

func TestPropertiesAreRead(t *testing.T) {
	spec := inputs(t)
	put(t, spec.Folder, "application.properties", "# a comment\n\nsettings.watt.a=1\njdbc.pool.dbURL=jdbc:x;\\\n  y=1\nsettingasset.b=2\nglobal\\ variable=x\r\n")
	unknown, err := spec.checkProperties()
	if want := "application.properties:6: settingasset.b,application.properties:7: global variable"; err != nil || strings.Join(unknown, ",") != want {
		t.Errorf("got %q, %v", unknown, err)
	}
	put(t, spec.Folder, "application.properties", "settings.watt.a=1\nnonsense\nsettings.watt.a=2\n")
	_, err = spec.checkProperties()
	if err == nil || !strings.Contains(err.Error(), "application.properties:2: this line is not key=value") || !strings.Contains(err.Error(), "application.properties:3: settings.watt.a is given in line 1 already") {
		t.Errorf("got %v", err)
	}
}

// Inputs come from many hands: none of them may stop the program, or be told.
func FuzzTexts(f *testing.F) {
	f.Add("settings.watt.a=1\\\n\\", ".properties")
	f.Add(manifest, ".xml")
	f.Add("a: {password: \"x\"}", ".yml")
	f.Fuzz(func(t *testing.T, text, extension string) {
		all, err := readProperties(text)
		if err == nil && strings.TrimSpace(text) != "" && len(all) > strings.Count(text, "\n")+1 {
			t.Errorf("%d properties in %q", len(all), text)
		}
		for _, s := range secretsIn("file"+extension, []byte(text)) {
			if s.Line < 0 || s.Line > strings.Count(text, "\n")+1 {
				t.Errorf("line %d of %q", s.Line, text)
			}
		}
		if version, _, err := readManifest([]byte(text)); err == nil && version == "" {
			t.Errorf("no version, and no error: %q", text)
		}
	})
}
