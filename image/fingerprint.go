package image

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/template"
)

// formVersion changes when the same inputs make another image.
const formVersion = 4

// fingerprint is a short sum of everything that decides what is in the image.
func fingerprint(baseID, owner string, labels map[string]string, replaced []string, entries []entry, commands []Command) string {
	hash := sha256.New()
	fmt.Fprintf(hash, "form %d\nbase %s\nowner %s\n", formVersion, baseID, owner)
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		fmt.Fprintf(hash, "label %q %q\n", key, labels[key])
	}
	for _, folder := range replaced {
		fmt.Fprintf(hash, "replaced %q\n", folder)
	}
	for _, e := range entries {
		fmt.Fprintf(hash, "file %q %o %s\n", e.to, e.mode, e.sum)
	}
	for _, c := range commands {
		fmt.Fprintf(hash, "run %q %q %q\n", c.Words, c.User, c.secretNames())
	}
	return hex.EncodeToString(hash.Sum(nil))[:12]
}

func render(text string, values any) (string, error) {
	tmpl, err := template.New("").Option("missingkey=error").Parse(text)
	if err != nil {
		return "", fmt.Errorf("%q: %w", text, err)
	}
	var out strings.Builder
	if err := tmpl.Execute(&out, values); err != nil {
		return "", fmt.Errorf("%q: %w", text, err)
	}
	return out.String(), nil
}
