package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
	"github.com/docker/go-units"
)

// Sent is an image on another engine.
type Sent struct {
	ID    string
	There bool  // it was there before
	Bytes int64 // that travelled
}

// Send gives another engine an image of this one, under the same tag. Layers at its bottom that the other engine has
// are left where they are; the rest streams through here, and never is in memory or in a file. It is repeatable. It
// blocks until the image is there; when it fails, or ctx ends, nothing of it is.
func (c Carrier) Send(ctx context.Context, ref string, to *client.Client) (Sent, error) {
	ours, err := c.Engine.ImageInspect(ctx, ref)
	if cerrdefs.IsNotFound(err) {
		return Sent{}, fmt.Errorf("%s is not on the engine that is to send it: run cutover build, or name one that is", ref)
	}
	if err != nil {
		return Sent{}, fmt.Errorf("inspect image %s: %w", ref, err)
	}
	d := delivery{Carrier: c, ours: ours, to: to, ref: ref, name: ours.ID}
	if tag, err := complete(ref); err == nil && slices.Contains(ours.RepoTags, tag) {
		d.name = tag
	}
	if d.anew, err = inContainerd(ctx, to); err != nil {
		return Sent{}, err
	}
	d.whole = d.anew
	if !d.anew {
		if d.anew, err = inContainerd(ctx, c.Engine); err != nil {
			return Sent{}, err
		}
	}
	there, err := d.there(ctx)
	if err == nil && !there {
		err = d.run(ctx)
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return Sent{ID: ours.ID, There: there, Bytes: d.sent}, err
}

// delivery is one image on its way to one engine.
type delivery struct {
	Carrier
	ours  image.InspectResponse
	to    *client.Client
	ref   string // as it was asked for
	name  string // what the other engine knows it by: the tag, or the id when it was asked for by another name
	anew  bool   // an engine with the containerd image store gives images ids of its own
	whole bool   // and wants all of their layers
	sent  int64
}

// there reports whether the other engine has the image, and sees to its tag.
func (d *delivery) there(ctx context.Context) (bool, error) {
	found, err := d.to.ImageInspect(ctx, d.name)
	if err == nil && d.same(found) {
		return true, nil
	}
	if err != nil && !cerrdefs.IsNotFound(err) {
		return false, fmt.Errorf("inspect image %s: %w", d.name, err)
	}
	if d.name == d.ours.ID {
		return false, nil
	}
	switch _, err := d.to.ImageInspect(ctx, d.ours.ID); {
	case cerrdefs.IsNotFound(err):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("inspect image %s: %w", d.ours.ID, err)
	}
	if err := d.to.ImageTag(ctx, d.ours.ID, d.name); err != nil {
		return false, fmt.Errorf("tag %s as %s: %w", d.ours.ID, d.name, err)
	}
	return true, nil
}

func (d *delivery) same(theirs image.InspectResponse) bool {
	if !d.anew || theirs.ID == d.ours.ID {
		return theirs.ID == d.ours.ID
	}
	return slices.Equal(theirs.RootFS.Layers, d.ours.RootFS.Layers) && theirs.Config != nil && d.ours.Config != nil &&
		maps.Equal(theirs.Config.Labels, d.ours.Config.Labels)
}

func (d *delivery) run(ctx context.Context) error {
	left, err := d.spared(ctx)
	if err != nil {
		return err
	}
	d.tell("send %s: its engine is getting it ready", d.ref)
	err = load(ctx, d.to, func(ctx context.Context, to io.Writer) error {
		saved, err := d.Engine.ImageSave(ctx, []string{d.name})
		if err != nil {
			return fmt.Errorf("read the image from its engine: %w", err)
		}
		defer saved.Close() //nolint:errcheck // only read
		return left.copy(io.MultiWriter(to, d), saved)
	})
	if err != nil {
		return err
	}
	found, err := d.to.ImageInspect(ctx, d.name)
	if err != nil || !d.same(found) {
		return errors.Join(fmt.Errorf("the engine reports no error, but what it has as %s is not %s", d.name, d.ours.ID), err)
	}
	return nil
}

// Write counts what travels.
func (d *delivery) Write(p []byte) (int, error) {
	d.sent += int64(len(p))
	d.tell("send %s: %s", d.ref, units.HumanSize(float64(d.sent)))
	return len(p), nil
}

// spared finds the image of the other engine that has the most layers in common.
func (d *delivery) spared(ctx context.Context) (most spared, err error) {
	if d.whole {
		return most, nil
	}
	all, err := d.to.ImageList(ctx, image.ListOptions{})
	if err != nil {
		return most, fmt.Errorf("list the images: %w", err)
	}
	for _, one := range all {
		found, err := d.to.ImageInspect(ctx, one.ID)
		if cerrdefs.IsNotFound(err) {
			continue // removed meanwhile
		}
		if err != nil {
			return most, fmt.Errorf("inspect image %s: %w", one.ID, err)
		}
		if s := spare(d.ours.RootFS.Layers, found.RootFS.Layers); len(s.chains) > len(most.chains) {
			most = s
		}
	}
	return most, nil
}
