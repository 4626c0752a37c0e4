package main

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"cutover": main})
}

// Each script is what somebody types and what they see. "exits N COMMAND" asserts the exit code.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": func(ts *testscript.TestScript, neg bool, args []string) {
				want, err := strconv.Atoi(args[0])
				if neg || err != nil {
					ts.Fatalf("usage: exits N COMMAND")
				}
				got := 0
				err = ts.Exec(args[1], args[2:]...)
				var exit *exec.ExitError
				if errors.As(err, &exit) {
					got = exit.ExitCode()
				} else if err != nil {
					ts.Fatalf("%v", err)
				}
				if got != want {
					ts.Fatalf("exit %d, want %d", got, want)
				}
			},
		},
		Setup: func(env *testscript.Env) error {
			env.Setenv("DOCKER_HOST", "unix://"+env.WorkDir+"/no-engine.sock")
			return os.WriteFile(env.WorkDir+"/good.yaml", []byte(good), 0o600)
		},
	})
}

const good = `service: api-gateway
containers: {label: com.docker.compose.service=gateway, network: edge}
members: [{service: api-gateway, port: 5555, check: {http: /health}}]
consul: {address: "http://127.0.0.1:1"}
image: {ref: "gateway:2"}
driver: {kind: apigateway, user: Administrator, password_env: GATEWAY_PASSWORD}
load_balancers:
  - {name: lb-1, kind: haproxy, stats: "tcp://127.0.0.1:1", master: "tcp://127.0.0.1:1"}
state: state
`
