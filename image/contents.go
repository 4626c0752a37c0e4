package image

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/client"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
)

// Contents is what matters of what is in an image or in a container, as it is now: not what its record says.
type Contents struct {
	Name     string            // as it was asked for
	Packages map[string]string // versions
	Files    map[string]string // SHA-256 by path: of packages, of the server's configuration, and of what the record names
	Keys     map[string]string // of application.properties
	Env      map[string]string
	Config   map[string]string // entrypoint, user, labels and the like

	look *look
	at   layout
}

// Open finds a container or, where there is none of that name, an image. It has what inspecting tells, and gets the
// rest by reading. close must be called.
func Open(ctx context.Context, engine *client.Client, name string) (c *Contents, err error) {
	c = &Contents{Name: name, Packages: map[string]string{}, Files: map[string]string{}, Keys: map[string]string{}}
	c.look = &look{engine: engine, name: name, known: newFacts()}
	container, err := engine.ContainerInspect(ctx, name)
	switch {
	case err == nil:
		c.look.container = container.ID
		image, err := engine.ImageInspect(ctx, container.Image)
		if err != nil {
			return nil, fmt.Errorf("inspect the image of %s: %w", name, err)
		}
		config := dockerspec.DockerOCIImageConfig{}
		config.Env, config.Cmd, config.Entrypoint = container.Config.Env, container.Config.Cmd, container.Config.Entrypoint
		config.User, config.WorkingDir, config.StopSignal = container.Config.User, container.Config.WorkingDir, container.Config.StopSignal
		config.Healthcheck = container.Config.Healthcheck
		if image.Config != nil { // a container's own labels are those of who runs it
			config.Labels, config.ExposedPorts, config.Volumes, config.Shell = image.Config.Labels, image.Config.ExposedPorts, image.Config.Volumes, image.Config.Shell
		}
		c.describe(config)
	case cerrdefs.IsNotFound(err):
		image, err := engine.ImageInspect(ctx, name)
		if cerrdefs.IsNotFound(err) {
			return nil, fmt.Errorf("%s is neither a container nor an image on this engine: docker pull it, or docker load it", name)
		}
		if err != nil {
			return nil, fmt.Errorf("inspect %s: %w", name, err)
		}
		c.look.image = image.ID
		if image.Config != nil {
			c.describe(*image.Config)
		}
	default:
		return nil, fmt.Errorf("inspect %s: %w", name, err)
	}
	if c.at, err = findLayout("", c.look.inside(ctx)); err != nil {
		return nil, errors.Join(err, c.Close(ctx))
	}
	return c, nil
}

// Close ends the looking.
func (c *Contents) Close(ctx context.Context) error { return c.look.close(ctx) }

func (c *Contents) describe(config dockerspec.DockerOCIImageConfig) {
	c.Env, c.Config = map[string]string{}, map[string]string{}
	for _, setting := range config.Env {
		key, value, _ := strings.Cut(setting, "=")
		c.Env[key] = value
	}
	for key, value := range config.Labels {
		c.Config["label "+key] = value
	}
	for key, value := range map[string]any{
		"entrypoint": config.Entrypoint, "cmd": config.Cmd, "user": config.User, "workdir": config.WorkingDir, "ports": config.ExposedPorts,
		"volumes": config.Volumes, "healthcheck": config.Healthcheck, "stop signal": config.StopSignal, "shell": config.Shell,
	} {
		if text, err := json.Marshal(value); err == nil && !strings.Contains(`null "" [] {}`, string(text)) {
			c.Config[key] = string(text)
		}
	}
}

// record is what an image says of itself; an empty one when it says nothing.
func (c *Contents) record(ctx context.Context) (Record, error) {
	var r Record
	text, err := c.look.read(ctx, RecordPath)
	if err != nil || text == nil {
		return r, err
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("read %s of %s: %w", RecordPath, c.Name, err)
	}
	return r, nil
}

// readAll reads packages, configuration, and these files.
func (c *Contents) readAll(ctx context.Context, further []string) error {
	if c.at.Home != "" {
		for _, top := range []string{c.at.Packages, c.at.Home + "/config", c.at.Home + "/application.properties"} {
			if err := c.look.walk(ctx, top, c.visit); err != nil {
				return err
			}
		}
	}
	for _, file := range further {
		if _, seen := c.Files[file]; seen {
			continue
		}
		if err := c.look.walk(ctx, file, c.visit); err != nil {
			return err
		}
	}
	return nil
}

func (c *Contents) visit(name string, content io.Reader) error {
	hash, text := sha256.New(), &bytes.Buffer{}
	into := io.Writer(hash)
	pack, manifest := strings.CutSuffix(name, "/manifest.v3")
	manifest = manifest && path.Dir(pack) == c.at.Packages
	if manifest || name == c.at.Home+"/application.properties" {
		into = io.MultiWriter(hash, text)
	}
	if _, err := io.Copy(into, content); err != nil {
		return err
	}
	c.Files[name] = hex.EncodeToString(hash.Sum(nil))
	switch {
	case manifest:
		version, _, err := readManifest(text.Bytes())
		if err != nil {
			version = "of unknown version"
		}
		c.Packages[path.Base(pack)] = version
	case text.Len() > 0:
		all, _ := readProperties(text.String()) // lines that are none are not compared
		for _, p := range all {
			c.Keys[p.key] = p.value
		}
	}
	return nil
}
