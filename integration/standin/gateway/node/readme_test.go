package node

import (
	"os"
	"slices"
	"strings"
	"testing"
)

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestEveryFaultIsDocumented(t *testing.T) {
	for _, f := range Table {
		name := f.Name
		if f.Arg != "" {
			name += "=" + strings.ToUpper(f.Arg)
		}
		if row := "| `" + name + "` | " + f.Does + " |"; !strings.Contains(readme(t), row) {
			t.Errorf("README.md lacks the row\n%s", row)
		}
	}
}

func TestEveryVariableIsDocumented(t *testing.T) {
	rows, _, _ := strings.Cut(readme(t), "### Faults")
	_, err := FromEnv(func(key string) string {
		if !strings.Contains(rows, "`"+key+"`") {
			t.Errorf("README.md does not say what %s is", key)
		}
		return ""
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestEveryServiceIsDocumented(t *testing.T) {
	for path := range New(Config{}).services() {
		folder, name, _ := strings.Cut(path, "/")
		found := false
		for line := range strings.Lines(readme(t)) {
			words := strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" `|,;/", r) })
			found = found || strings.Contains(line, folder+"/") && slices.Contains(words, name)
		}
		if !found {
			t.Errorf("README.md has no %s", path)
		}
	}
}
