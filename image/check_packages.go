package image

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// versionOf tells the version of a package of the base, or "" when the base has no such package.
type versionOf func(packageName string) (string, error)

// versions looks into the base.
func (l *look) versions(ctx context.Context, at layout) versionOf {
	return func(packageName string) (string, error) {
		manifest := at.Packages + "/" + packageName + "/manifest.v3"
		if there, err := l.has(ctx, manifest); !there || err != nil {
			return "", err
		}
		if version, known := l.known.Versions[manifest]; known {
			return version, nil
		}
		text, err := l.read(ctx, manifest)
		if err != nil {
			return "", err
		}
		version, _, err := readManifest(text)
		if err != nil {
			version = "unknown" // the vendor's own; that it is there is what matters
		}
		l.known.Versions[manifest] = version
		return version, nil
	}
}

// checkPackages refuses a package that would replace one of the base without that being meant, and one that depends
// on what is neither in the base nor given. It notes which package replaces what.
func checkPackages(packages []Package, base versionOf) error {
	var errs []error
	given := map[string]string{}
	for i, p := range packages {
		given[p.Name] = p.Version
		in, err := base(p.Name)
		if err != nil {
			return err
		}
		packages[i].Replaces = in
		if in != "" && !p.override {
			errs = append(errs, fmt.Errorf("image.packages: %s is also in the base, version %s, and would replace the vendor's: rename it, or say {path: …, override: true} if that is meant", p.Name, in))
		}
	}
	for _, p := range packages {
		for _, name := range slices.Sorted(maps.Keys(p.Requires)) {
			has, there := given[name]
			if !there {
				var err error
				if has, err = base(name); err != nil {
					return err
				}
			}
			want := p.Requires[name]
			switch {
			case has == "":
				errs = append(errs, fmt.Errorf("image.packages: %s depends on %s %s, which is neither in the base nor given: Integration Server would not load it: add %s", p.Name, name, want, name))
			case older(has, want):
				errs = append(errs, fmt.Errorf("image.packages: %s depends on %s %s, and the image would have %s: give a newer %s", p.Name, name, want, has, name))
			}
		}
	}
	return errors.Join(errs...)
}

// replaced are the folders of the base's packages that are replaced as a whole, sorted.
func replaced(packages []Package, at layout) []string {
	var folders []string
	for _, p := range packages {
		if p.Replaces != "" {
			folders = append(folders, at.Packages+"/"+p.Name)
		}
	}
	slices.Sort(folders)
	return folders
}

// older reports whether a version is below what is wanted. A * in what is wanted stands for any number, as for
// Integration Server; what is no number is not compared.
func older(has, wanted string) bool {
	is, want := strings.Split(has, "."), strings.Split(wanted, ".")
	for i := range min(len(is), len(want)) {
		a, err1 := strconv.Atoi(is[i])
		b, err2 := strconv.Atoi(want[i])
		if err1 != nil || err2 != nil {
			return false
		}
		if order := cmp.Compare(a, b); order != 0 {
			return order < 0
		}
	}
	return false
}
