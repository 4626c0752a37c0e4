//go:build integration

package integration

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	imagetypes "github.com/docker/docker/api/types/image"
	apiregistry "github.com/docker/docker/api/types/registry"
	"github.com/docker/docker/client"
	"github.com/docker/go-connections/nat"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/wait"
	"golang.org/x/crypto/bcrypt"
)

const (
	registryUser     = "ops"
	registryPassword = "planted-Xq7-password" // must never be seen
)

// registry is CNCF's, in a container, behind a proxy that notes what is asked for, and may refuse it. The proxy
// listens everywhere, and is asked on 127.0.0.1, where an engine does without TLS.
type registry struct {
	*testing.T
	host   string
	port   string
	engine *client.Client
	refuse func(http.ResponseWriter, *http.Request) bool // whether it has answered; may be nil

	mu    sync.Mutex
	asked []string // METHOD path?query
	taken int64    // bytes of bodies
}

func newRegistry(t *testing.T) *registry {
	t.Helper()
	r := &registry{T: t}
	var err error
	if r.engine, err = client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation()); err != nil {
		t.Fatal(err)
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(registryPassword), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	started, err := testcontainers.GenericContainer(t.Context(), testcontainers.GenericContainerRequest{
		ContainerRequest: testcontainers.ContainerRequest{
			Image: "cutover-demo/registry:1", ExposedPorts: []string{"5000/tcp"}, Labels: map[string]string{label: stackName(t.Name())},
			Files: []testcontainers.ContainerFile{{Reader: strings.NewReader(registryUser + ":" + string(hash) + "\n"), ContainerFilePath: "/htpasswd", FileMode: 0o644}},
			HostConfigModifier: func(c *container.HostConfig) {
				c.PortBindings = nat.PortMap{"5000/tcp": {{HostIP: "127.0.0.1"}}}
			},
			WaitingFor: wait.ForHTTP("/v2/").WithPort("5000/tcp").WithStatusCodeMatcher(func(status int) bool { return status == http.StatusUnauthorized }).WithStartupTimeout(30 * time.Second),
		}, Started: true,
	})
	testcontainers.CleanupContainer(t, started)
	if err != nil {
		t.Fatalf("start the registry: %v", err)
	}
	inside, err := started.PortEndpoint(t.Context(), "5000/tcp", "")
	if err != nil {
		t.Fatal(err)
	}
	r.proxy(inside)
	t.Cleanup(r.removeImages)
	return r
}

func (r *registry) proxy(inside string) {
	r.Helper()
	listener, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		r.Fatal(err)
	}
	_, r.port, _ = net.SplitHostPort(listener.Addr().String())
	r.host = "127.0.0.1:" + r.port
	behind := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: inside})
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		r.mu.Lock()
		r.asked = append(r.asked, request.Method+" "+request.URL.RequestURI())
		r.mu.Unlock()
		request.Body = io.NopCloser(io.TeeReader(request.Body, r))
		if r.refuse == nil || !r.refuse(w, request) {
			behind.ServeHTTP(w, request)
		}
	})}
	go server.Serve(listener)
	r.Cleanup(func() { server.Close() })
}

// Write counts what is uploaded.
func (r *registry) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taken += int64(len(p))
	return len(p), nil
}

// since forgets what was asked, and returns it with the bytes that were uploaded.
func (r *registry) since() (asked []string, taken int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	asked, taken = r.asked, r.taken
	r.asked, r.taken = nil, 0
	return asked, taken
}

// digest is what the registry has under a tag; empty when there is nothing.
func (r *registry) digest(name, tag string) string {
	r.Helper()
	request, err := http.NewRequestWithContext(r.Context(), http.MethodHead, fmt.Sprintf("http://%s/v2/%s/manifests/%s", r.host, name, tag), nil)
	if err != nil {
		r.Fatal(err)
	}
	request.SetBasicAuth(registryUser, registryPassword)
	request.Header.Set("Accept", "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		r.Fatal(err)
	}
	response.Body.Close()
	return response.Header.Get("Docker-Content-Digest")
}

// put puts an image into the registry as somebody else would, and takes it from the engine.
func (r *registry) put(id, ref string) {
	r.Helper()
	r.must(r.engine.ImageTag(r.Context(), id, ref))
	auth, err := apiregistry.EncodeAuthConfig(apiregistry.AuthConfig{Username: registryUser, Password: registryPassword})
	r.must(err)
	pushing, err := r.engine.ImagePush(r.Context(), ref, imagetypes.PushOptions{RegistryAuth: auth})
	r.must(err)
	defer pushing.Close()
	said, err := io.ReadAll(pushing)
	r.must(err)
	if strings.Contains(string(said), "errorDetail") {
		r.Fatalf("push %s: %s", ref, said)
	}
	_, err = r.engine.ImageRemove(r.Context(), id, imagetypes.RemoveOptions{Force: true})
	r.must(err)
}

// removeImages takes every name of this registry off the engine's images.
func (r *registry) removeImages() {
	all, err := r.engine.ImageList(context.Background(), imagetypes.ListOptions{})
	if err != nil {
		r.Error(err)
	}
	for _, one := range all {
		for _, name := range append(one.RepoTags, one.RepoDigests...) {
			if strings.HasPrefix(name, r.host+"/") {
				r.engine.ImageRemove(context.Background(), name, imagetypes.RemoveOptions{Force: true})
			}
		}
	}
}

func (r *registry) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// dockerConfig writes Docker's own configuration to a folder, which is used from here on.
func dockerConfig(t *testing.T, content map[string]any) (folder string) {
	t.Helper()
	folder = t.TempDir()
	data, err := json.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "config.json"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DOCKER_CONFIG", folder)
	return folder
}

// auths is what docker login writes.
func auths(host, user, password string) map[string]any {
	return map[string]any{"auths": map[string]any{host: map[string]any{"auth": base64.StdEncoding.EncodeToString([]byte(user + ":" + password))}}}
}
