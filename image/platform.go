package image

import (
	"fmt"
	"strings"

	"github.com/docker/docker/api/types/image"
)

// checkPlatform refuses a base that is for another platform than the configuration says: it would run slowly, under
// emulation, or not at all. Which one it is decides nothing that the base's id does not.
func (s Spec) checkPlatform(base image.InspectResponse) error {
	is := base.Os + "/" + base.Architecture
	if base.Variant != "" && strings.Count(s.Platform, "/") == 2 {
		is += "/" + base.Variant
	}
	if s.Platform == "" || s.Platform == is {
		return nil
	}
	return fmt.Errorf("image.base: %s on this engine is for %s, and image.platform is %s: docker pull --platform %s %s", s.Base, is, s.Platform, s.Platform, s.Base)
}
