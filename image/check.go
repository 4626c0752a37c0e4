package image

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// checkSecrets refuses what must not be in an image: whoever has the image has it, and so has every registry. The
// error names files, lines and keys, and never a value.
func (s Spec) checkSecrets(entries []entry) error {
	var errs []error
	for _, e := range entries {
		for _, secret := range e.found {
			if s.allowed(e, secret) {
				continue
			}
			at, what, name := s.short(e.from.String()), secret.What, s.short(e.from.String())
			if secret.Line > 0 {
				at = fmt.Sprintf("%s:%d", at, secret.Line)
			}
			remedy := "mount it when the container starts"
			if secret.Key != "" {
				what, name = fmt.Sprintf("%s has %s", secret.Key, secret.What), secret.Key
				remedy = "write $env{NAME} or $secret{NAME} in its place"
			}
			errs = append(errs, fmt.Errorf("image: %s: %s, and whoever has the image would have it: %s, or name %s in image.allow_secrets", at, what, remedy, name))
		}
	}
	return errors.Join(errs...)
}

// allowed reports whether the configuration names a secret: by its key, by its file as it was given or a pattern of
// it, or by the end of its path in the image.
func (s Spec) allowed(e entry, found secret) bool {
	file := s.short(e.from.String())
	return slices.ContainsFunc(s.AllowSecrets, func(name string) bool {
		matches, err := path.Match(name, file)
		return name == found.Key || name == file || (err == nil && matches) || strings.HasSuffix(e.to, "/"+strings.Trim(name, "/"))
	})
}
