package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// What is read is bounded, so that no input can exhaust the memory, or the patience of the YAML library.
const (
	largestFile = 128 << 10
	deepest     = 50 // brackets that are open at a time
)

// Load reads and checks a configuration file and fills in the defaults. Every error names the file, and where there
// is one the line and the key.
func Load(path string) (Config, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Config{}, fmt.Errorf("read the configuration: %w: name it with -f, or write one as the README shows", err)
	}
	if info.Mode().Perm()&0o002 != 0 {
		return Config{}, fmt.Errorf("%s: everybody may write to it (mode %04o), and it says what is done with root's rights on containers: chmod o-w %s", path, info.Mode().Perm(), path)
	}
	if info.Size() > largestFile {
		return Config{}, fmt.Errorf("%s: %d bytes are too many for a configuration", path, info.Size())
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return Config{}, fmt.Errorf("read the configuration: %w", err)
	}
	folder, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return Config{}, err
	}
	return parse(path, folder, data)
}

func parse(path, folder string, data []byte) (_ Config, err error) {
	defer func() { // the YAML library falls over some input that is no YAML
		if fell := recover(); fell != nil {
			err = fmt.Errorf("%s: this is not YAML that can be read (%v): compare it with the README's", path, fell)
		}
	}()
	if line, deep := tooDeep(data); deep {
		return Config{}, fmt.Errorf("%s:%d: more than %d brackets or lists are open: nothing in a configuration is that deep", path, line, deepest)
	}
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		return Config{}, explain(path, err)
	}
	if err := noAliases(path, file); err != nil {
		return Config{}, err
	}
	var c Config
	if err := yaml.UnmarshalWithOptions(data, &c, yaml.Strict()); err != nil {
		return Config{}, explain(path, err)
	}
	c.Folder = folder
	c = c.withDefaults()
	return c, located(path, file, c.problems())
}

// tooDeep finds the line where too many brackets are open, or too many lists begin. It takes those in texts for such too.
func tooDeep(data []byte) (line int, deep bool) {
	line = 1
	open, items := 0, 0
	for at := range data {
		switch data[at] {
		case '-':
			items++
		case '[', '{':
			open++
		case ']', '}':
			open = max(open-1, 0)
		case '\n':
			line++
			items = 0
		}
		if open > deepest || items > 2*deepest {
			return line, true
		}
	}
	return 0, false
}

// explain puts an error of the YAML library in one line: file, line, and for an unknown key the nearest known one.
func explain(path string, err error) error {
	var unknown *yaml.UnknownFieldError
	if errors.As(err, &unknown) {
		key := unknown.GetToken().Value
		return fmt.Errorf("%s:%d: unknown key %q%s", path, unknown.GetToken().Position.Line, key, suggestion(key))
	}
	var duration badDuration
	if errors.As(err, &duration) {
		return fmt.Errorf("%s:%d: %w", path, duration.line, duration)
	}
	var located yaml.Error
	if errors.As(err, &located) && located.GetToken() != nil {
		return fmt.Errorf("%s:%d: %s", path, located.GetToken().Position.Line, located.GetMessage())
	}
	return fmt.Errorf("%s: %w", path, err)
}

func suggestion(key string) string {
	if key == "" {
		return ""
	}
	nearest, distance := "", 2*(len(key)/2+2)
	for _, known := range knownKeys(reflect.TypeFor[Config]()) {
		d := 2 * levenshtein.ComputeDistance(key, known)
		if known[0] == key[0] {
			d-- // people rarely get the first letter wrong
		}
		if d < distance {
			nearest, distance = known, d
		}
	}
	if nearest == "" {
		return ""
	}
	return fmt.Sprintf(": did you mean %q?", nearest)
}

func knownKeys(t reflect.Type) []string {
	for t.Kind() == reflect.Slice || t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	var keys []string
	for i := range t.NumField() {
		if key := t.Field(i).Tag.Get("yaml"); key != "" && key != "-" {
			keys = append(append(keys, key), knownKeys(t.Field(i).Type)...)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// noAliases refuses YAML's references: nothing here needs them, and they let a small file grow without bound.
func noAliases(path string, file *ast.File) error {
	for _, doc := range file.Docs {
		if doc.Body == nil {
			return fmt.Errorf("%s: there is nothing in it: write a configuration as the README shows", path)
		}
		if found := ast.Filter(ast.AliasType, doc); len(found) > 0 {
			return fmt.Errorf("%s:%d: YAML aliases are not supported: write the value out", path, found[0].GetToken().Position.Line)
		}
	}
	return nil
}

// problem is something wrong with the value of a key.
type problem struct {
	key  string // as a YAML path without the leading "$."
	text string
}

// located gives each problem its file and line.
func located(path string, file *ast.File, problems []problem) error {
	var errs []error
	for _, p := range problems {
		errs = append(errs, fmt.Errorf("%s%s: %s: %s", path, lineOf(file, p.key), p.key, p.text))
	}
	return errors.Join(errs...)
}

// lineOf is the line of a key, or of its nearest parent that is there.
func lineOf(file *ast.File, key string) string {
	for key != "" {
		if at, err := yaml.PathString("$." + key); err == nil {
			if node, err := at.FilterFile(file); err == nil && node != nil && node.GetToken() != nil {
				return fmt.Sprintf(":%d", node.GetToken().Position.Line)
			}
		}
		key = key[:max(strings.LastIndexAny(key, ".["), 0)]
	}
	return ""
}
