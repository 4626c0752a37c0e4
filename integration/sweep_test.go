//go:build integration

package integration

import (
	"os/exec"
	"strings"

	"github.com/cutover/cutover/cutover/docker"
	"github.com/cutover/cutover/image"
)

// sweep removes what an earlier run of these tests, that was killed, has left of making images and of looking at
// connections. What a killed stack has left is removed when a stack of that name is made.
func sweep() error {
	for _, step := range [][2]string{
		{"docker ps -aq --filter name=cutover-trial- --filter name=cutover-run-", "docker rm -fv"},
		{"docker ps -aq --filter label=" + image.LabelLook, "docker rm -fv"},
		{"docker ps -aq --filter label=" + docker.LabelHelper, "docker rm -fv"},
		{"docker network ls -q --filter label=" + image.LabelTrial, "docker network rm"},
		{"docker images -q --filter reference=cutover-unfinished", "docker rmi -f"},
		{"docker images -q --filter label=" + docker.LabelHelper, "docker rmi -f"},
		{"docker images -q --filter dangling=true --filter label=" + image.LabelFingerprint, "docker rmi -f"},
	} {
		list := strings.Fields(step[0])
		left, err := exec.Command(list[0], list[1:]...).Output()
		if err != nil || len(left) == 0 {
			continue // without an engine each test says so
		}
		remove := append(strings.Fields(step[1]), strings.Fields(string(left))...)
		if out, err := exec.Command(remove[0], remove[1:]...).CombinedOutput(); err != nil {
			return &exec.Error{Name: string(out), Err: err}
		}
	}
	return nil
}
