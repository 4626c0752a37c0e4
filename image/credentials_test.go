package image

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/registry"
)

// Credentials are found where docker login has put them, in each form that it knows.
func TestCredentials(t *testing.T) {
	programs := t.TempDir()
	helper := "#!/bin/sh\nread host\ncase $host in\ntoken.*) echo '{\"Username\":\"<token>\",\"Secret\":\"t0ken\"}' ;;\nnone.*) echo 'credentials not found in native keychain'; exit 1 ;;\n" +
		"*) echo '{\"Username\":\"kept\",\"Secret\":\"p4ss\"}' ;;\nesac\n"
	if err := os.WriteFile(filepath.Join(programs, "docker-credential-keeper"), []byte(helper), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", programs+":"+os.Getenv("PATH"))
	const file = `{"auths": {"reg.example:5000": {"auth": "b3BzOnAxc3M="}, "https://index.docker.io/v1/": {"auth": "aHViOnAyc3M="}}, "credHelpers": {"ops.example": "keeper", "bad.example": "nowhere"}}`
	const store = `{"credsStore": "keeper"}`
	for name, c := range map[string]struct {
		config, ref     string
		host, who, what string
		problem         string
	}{
		"a file":               {file, "reg.example:5000/ops/x:1", "reg.example:5000", `user "ops"`, "ops p1ss ", ""},
		"Docker Hub":           {file, "ops/x:1", "docker.io", `user "hub"`, "hub p2ss ", ""},
		"none in the file":     {file, "new.example/ops/x:1", "new.example", "", "  ", ""},
		"a helper":             {file, "ops.example/x:1", "ops.example", `user "kept"`, "kept p4ss ", ""},
		"a store":              {store, "any.example/x:1", "any.example", `user "kept"`, "kept p4ss ", ""},
		"an identity token":    {store, "token.example/x:1", "token.example", "the token", "  t0ken", ""},
		"a store with nothing": {store, "none.example/x:1", "none.example", "", "  ", ""},
		"no such helper":       {file, "bad.example/x:1", "", "", "", "docker-credential-nowhere, which can't be found"},
		"no JSON":              {`{"auths": `, "reg.example:5000/x:1", "", "", "", "read the credentials for reg.example:5000"},
		"no configuration":     {"", "reg.example:5000/x:1", "reg.example:5000", "", "  ", ""},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			t.Setenv("DOCKER_CONFIG", folder)
			if c.config != "" {
				if err := os.WriteFile(filepath.Join(folder, "config.json"), []byte(c.config), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			found, err := loginFor(t.Context(), c.ref)
			if c.problem != "" {
				if err == nil || !strings.Contains(err.Error(), c.problem) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			auth, err := registry.DecodeAuthConfig(found.header)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join([]string{auth.Username, auth.Password, auth.IdentityToken}, " "); found.host != c.host || found.who != c.who || got != c.what {
				t.Errorf("host %q, who %q, %q", found.host, found.who, got)
			}
		})
	}
}
