package image

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Difference is what is not the same in two images or containers.
type Difference struct {
	A        string   `json:"a"`
	B        string   `json:"b"`
	Packages []Change `json:"packages"`
	Files    []Change `json:"files"` // those of packages that only one side has are left out
	Keys     []Change `json:"keys"`  // of application.properties
	Env      []Change `json:"environment"`
	Config   []Change `json:"configuration"`
}

// Change is one thing that differs. From or To is missing where a side has none. Values of secrets are not told.
type Change struct {
	Name string  `json:"name"`
	From *string `json:"from,omitempty"`
	To   *string `json:"to,omitempty"`
}

// Diff compares two images or containers. Both are read, as far as their packages and configuration go, without
// being changed.
func Diff(ctx context.Context, a, b *Contents) (Difference, error) {
	d := Difference{A: a.Name, B: b.Name}
	var named []string
	for _, side := range []*Contents{a, b} {
		record, err := side.record(ctx)
		if err != nil {
			return d, err
		}
		for _, f := range record.Files {
			named = append(named, f.Path)
		}
	}
	slices.Sort(named)
	named = slices.Compact(named)
	for _, side := range []*Contents{a, b} {
		if err := side.readAll(ctx, outside(named, side.at.Packages)); err != nil {
			return d, err
		}
	}
	d.Packages = changes(a.Packages, b.Packages, plainly)
	d.Files = slices.DeleteFunc(changes(a.Files, b.Files, shortly), func(c Change) bool {
		_, inA := a.Packages[packageOf(c.Name, a.at)]
		_, inB := b.Packages[packageOf(c.Name, b.at)]
		return inA != inB
	})
	d.Keys, d.Env, d.Config = changes(a.Keys, b.Keys, shown), changes(a.Env, b.Env, shown), changes(a.Config, b.Config, plainly)
	return d, nil
}

func outside(paths []string, packages string) []string {
	return slices.DeleteFunc(slices.Clone(paths), func(p string) bool { return strings.HasPrefix(p, packages+"/") })
}

func packageOf(file string, at layout) string {
	rest, _ := strings.CutPrefix(file, at.Packages+"/")
	name, _, _ := strings.Cut(rest, "/")
	return name
}

func changes(a, b map[string]string, as func(key, value string) string) []Change {
	all := maps.Clone(a)
	maps.Copy(all, b)
	found := []Change{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		from, inA := a[name]
		to, inB := b[name]
		if inA && inB && from == to {
			continue
		}
		change := Change{Name: name}
		if inA {
			from = as(name, from)
			change.From = &from
		}
		if inB {
			to = as(name, to)
			change.To = &to
		}
		found = append(found, change)
	}
	return found
}

func plainly(_, value string) string { return value }

func shortly(_, sum string) string { return sum[:12] }

// shown is a value that is no secret, as far as its key and its form tell.
func shown(key, value string) string {
	if (secretKey.MatchString(key) && literal(value)) || inURL.MatchString(value) {
		return "(not shown)"
	}
	return value
}

// WriteText writes the difference for people.
func (d Difference) WriteText(to io.Writer) {
	none := true
	for _, part := range []struct {
		name    string
		changes []Change
	}{{"packages", d.Packages}, {"files", d.Files}, {"application.properties", d.Keys}, {"environment", d.Env}, {"configuration", d.Config}} {
		if len(part.changes) == 0 {
			continue
		}
		none = false
		fmt.Fprintln(to, part.name)
		for _, c := range part.changes {
			switch {
			case c.From == nil:
				fmt.Fprintf(to, "  + %s  %s\n", c.Name, *c.To)
			case c.To == nil:
				fmt.Fprintf(to, "  - %s  %s\n", c.Name, *c.From)
			default:
				fmt.Fprintf(to, "  ~ %s  %s -> %s\n", c.Name, *c.From, *c.To)
			}
		}
	}
	if none {
		fmt.Fprintf(to, "%s and %s have the same packages, files and configuration\n", d.A, d.B)
	}
}
