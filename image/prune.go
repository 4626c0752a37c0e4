package image

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/client"
)

// Old is something that was made by this program and may be in nobody's use any more.
type Old struct {
	Kind string `json:"kind"` // image, container or network
	Name string `json:"name"`
	Size int64  `json:"size,omitempty"` // of an image with all that it shares with others, in bytes
	Why  string `json:"why"`            // it is kept, or removed
	Keep bool   `json:"keep"`

	at time.Time
}

// unfinishedFor is how old something must be that a build may still be working with.
const unfinishedFor = time.Hour

// FindOld lists the images that were built under the name in tag, the youngest first, and what builds on this engine
// have left over that were killed. Of the images it keeps the last few, what a container uses, whether it runs or not,
// and the one with the current fingerprint. It changes nothing.
func FindOld(ctx context.Context, engine *client.Client, tag, current string, keep int) ([]Old, error) {
	containers, err := engine.ContainerList(ctx, container.ListOptions{All: true})
	if err != nil {
		return nil, fmt.Errorf("list the containers: %w", err)
	}
	images, err := engine.ImageList(ctx, image.ListOptions{Filters: filters.NewArgs(filters.Arg("label", LabelFingerprint))})
	if err != nil {
		return nil, fmt.Errorf("list the images: %w", err)
	}
	repository, err := repositoryOf(tag)
	if err != nil {
		return nil, err
	}
	users := map[string]string{}
	for _, c := range containers {
		users[c.ImageID] = strings.TrimPrefix(strings.Join(c.Names, ","), "/")
	}
	var all, left []Old
	for _, summary := range images {
		found, err := engine.ImageInspect(ctx, summary.ID)
		if err != nil {
			return nil, fmt.Errorf("inspect image %s: %w", summary.ID, err)
		}
		age := found.Metadata.LastTagTime // an image's own time is its base's
		for _, ref := range found.RepoTags {
			name, _, _ := parts(ref)
			o := Old{Kind: "image", Name: ref, Size: found.Size, at: age}
			switch {
			case name == repository:
				o.Keep, o.Why = keptFor(users[found.ID], found.Config.Labels[LabelFingerprint] == current)
				all = append(all, o)
			case name == unfinished && users[found.ID] == "" && time.Since(age) > unfinishedFor:
				o.Why = "a build did not finish it"
				left = append(left, o)
			}
		}
		if len(found.RepoTags) == 0 && users[found.ID] == "" {
			left = append(left, Old{Kind: "image", Name: found.ID, Size: found.Size, Why: "it has lost its name to another one"})
		}
	}
	slices.SortStableFunc(all, func(a, b Old) int { return b.at.Compare(a.at) })
	for i := range all {
		switch {
		case all[i].Keep:
		case i < keep:
			all[i].Keep, all[i].Why = true, fmt.Sprintf("one of the last %d", keep)
		default:
			all[i].Why = "older than that, and no container uses it"
		}
	}
	things, err := leftovers(ctx, engine, containers)
	return slices.Concat(all, left, things), err
}

func keptFor(user string, current bool) (bool, string) {
	switch {
	case current:
		return true, "it is what the configuration says now"
	case user != "":
		return true, "container " + user + " uses it"
	}
	return false, ""
}

// repositoryOf is the name without what tells one image of it from the other.
func repositoryOf(tag string) (string, error) {
	ref, err := nameOf(tag, "0")
	if err != nil {
		return "", err
	}
	name, _, _ := parts(ref)
	return name, nil
}

// leftovers are containers and networks of builds that were killed.
func leftovers(ctx context.Context, engine *client.Client, containers []container.Summary) ([]Old, error) {
	var left []Old
	for _, c := range containers {
		_, look := c.Labels[LabelLook]
		_, trial := c.Labels[LabelTrial]
		if old := time.Since(time.Unix(c.Created, 0)) > unfinishedFor; old && ((look && c.State == container.StateCreated) || trial) {
			left = append(left, Old{Kind: "container", Name: strings.TrimPrefix(strings.Join(c.Names, ","), "/"), Why: "a build has left it over"})
		}
	}
	networks, err := engine.NetworkList(ctx, network.ListOptions{Filters: filters.NewArgs(filters.Arg("label", LabelTrial))})
	if err != nil {
		return nil, fmt.Errorf("list the networks: %w", err)
	}
	for _, n := range networks {
		if time.Since(n.Created) > unfinishedFor {
			left = append(left, Old{Kind: "network", Name: n.Name, Why: "a build has left it over"})
		}
	}
	return left, nil
}

// RemoveOld removes what is not to be kept. What has come into use in the meantime is an error, and stays.
func RemoveOld(ctx context.Context, engine *client.Client, all []Old) error {
	var errs []error
	for _, o := range all {
		switch {
		case o.Keep:
		case o.Kind == "image":
			errs = append(errs, removeImage(ctx, engine, o.Name))
		case o.Kind == "container":
			errs = append(errs, removeContainer(ctx, engine, o.Name))
		default:
			errs = append(errs, removeNetwork(ctx, engine, o.Name))
		}
	}
	return errors.Join(errs...)
}
