package image

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/distribution/reference"
	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/configfile"
	"github.com/docker/cli/cli/config/types"
	"github.com/docker/docker/api/types/registry"
)

// helperLimit is what a credential helper may take to answer. It may have to ask somebody to unlock a keychain.
const helperLimit = time.Minute

// dockerHub is the registry of names that have none.
const dockerHub = "docker.io"

// login is what Docker's own configuration has for the registry of an image. Its header is a secret.
type login struct {
	host   string // the registry
	who    string // for people, such as: user "ops"; empty: there are no credentials
	file   string // the configuration
	header string // as an engine wants it
}

// loginFor reads the credentials as docker push does: from $DOCKER_CONFIG/config.json, or ~/.docker/config.json, and
// from the helper that it names. That there are none is no error.
func loginFor(ctx context.Context, ref string) (login, error) {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return login{}, fmt.Errorf("image name %q: %w", ref, err)
	}
	host := reference.Domain(named)
	key := host
	if host == dockerHub {
		key = "https://index.docker.io/v1/" // the name under which docker login keeps them
	}
	file, err := config.Load(os.Getenv(config.EnvOverrideConfigDir)) // with none, ~/.docker
	if err != nil {
		return login{}, fmt.Errorf("read the credentials for %s: %w", host, err)
	}
	auth, err := authOf(ctx, file, key)
	if err != nil {
		return login{}, fmt.Errorf("get the credentials for %s: %w", host, err)
	}
	found := login{host: host, file: file.GetFilename()}
	switch {
	case auth.Username != "":
		found.who = fmt.Sprintf("user %q", auth.Username)
	case auth.IdentityToken != "" || auth.RegistryToken != "":
		found.who = "the token"
	}
	if found.header, err = registry.EncodeAuthConfig(registry.AuthConfig(auth)); err != nil {
		return login{}, fmt.Errorf("write the credentials for %s down for the engine: %w", host, err)
	}
	return found, nil
}

// authOf asks the configuration, and a helper if it names one. What a helper says is never repeated: when it fails
// half-way, that may be a secret.
func authOf(ctx context.Context, file *configfile.ConfigFile, key string) (types.AuthConfig, error) {
	helper := file.CredentialsStore
	if its, has := file.CredentialHelpers[key]; has {
		helper = its
	}
	if helper == "" {
		return file.GetAuthConfig(key)
	}
	program := "docker-credential-" + helper
	if _, err := exec.LookPath(program); err != nil {
		return types.AuthConfig{}, fmt.Errorf("%s names the helper %s, which can't be found: install it to a folder in PATH, or take it out of credHelpers and credsStore and docker login anew", file.GetFilename(), program)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, helperLimit, fmt.Errorf("%s has not answered within %s: does it ask somebody for something?", program, helperLimit))
	defer cancel()
	type answer struct {
		auth types.AuthConfig
		err  error
	}
	answered := make(chan answer, 1)
	go func() {
		auth, err := file.GetAuthConfig(key)
		answered <- answer{auth, err}
	}()
	select {
	case got := <-answered:
		if got.err != nil {
			return types.AuthConfig{}, fmt.Errorf("%s has failed: see what  echo %s | %s get  says", program, key, program)
		}
		return got.auth, nil
	case <-ctx.Done():
		return types.AuthConfig{}, context.Cause(ctx)
	}
}
