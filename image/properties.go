package image

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// prefixes begin the keys that Integration Server knows in application.properties, as the vendor's
// documentation of configuration variables has them.
var prefixes = []string{
	"settings.watt.", "user.", "group.", "globalvariable.", "jndi.", "jms.", "messaging.", "jdbc.", "jdbcfunc.", "keystore.", "truststore.",
	"artConnection.", "cachemanager.", "consul.", "email.", "filepolling.", "statisticsdatacollector.",
}

// property is one line of application.properties, with the lines that continue it.
type property struct {
	line       int
	key, value string
}

// readProperties reads the form of java.util.Properties, but wants a = or : in each line: a key with nothing after
// it is a line that was broken by mistake.
func readProperties(text string) ([]property, error) {
	var all []property
	var errs []error
	first := map[string]int{}
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		at, line := i+1, strings.TrimLeft(strings.TrimRight(lines[i], "\r"), " \t\f")
		if line == "" || line[0] == '#' || line[0] == '!' {
			continue
		}
		for continued(line) && i+1 < len(lines) {
			i++
			line = line[:len(line)-1] + strings.TrimLeft(strings.TrimRight(lines[i], "\r"), " \t\f")
		}
		key, value, found := cutProperty(line)
		switch {
		case !found || key == "":
			errs = append(errs, fmt.Errorf("%d: this line is not key=value", at))
		case first[key] > 0:
			errs = append(errs, fmt.Errorf("%d: %s is given in line %d already: remove one of them", at, key, first[key]))
		default:
			first[key] = at
			all = append(all, property{at, key, value})
		}
	}
	return all, errors.Join(errs...)
}

// continued reports whether a line ends in a backslash that is not itself escaped.
func continued(line string) bool {
	return (len(line)-len(strings.TrimRight(line, `\`)))%2 == 1
}

func cutProperty(line string) (key, value string, found bool) {
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '\\':
			i++
		case '=', ':':
			return strings.ReplaceAll(strings.TrimSpace(line[:i]), `\`, ""), strings.TrimSpace(line[i+1:]), true
		}
	}
	return line, "", false
}

// checkProperties reads the properties, and returns which keys begin with nothing that Integration Server is known to
// read, each with its line: it may be new, or misspelt.
func (s Spec) checkProperties() (unknown []string, err error) {
	if s.Properties == "" {
		return nil, nil
	}
	file, err := os.Open(s.Properties)
	if err != nil {
		return nil, fmt.Errorf("image.properties: %w", err)
	}
	defer file.Close() //nolint:errcheck // only read
	text, err := io.ReadAll(io.LimitReader(file, largestText))
	if err != nil {
		return nil, fmt.Errorf("image.properties: read %s: %w", s.short(s.Properties), err)
	}
	all, err := readProperties(string(text))
	for _, p := range all {
		if !slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(p.key, prefix) }) {
			unknown = append(unknown, fmt.Sprintf("%s:%d: %s", s.short(s.Properties), p.line, p.key))
		}
	}
	if err == nil {
		return unknown, nil
	}
	var errs []error
	for line := range strings.Lines(err.Error()) {
		errs = append(errs, fmt.Errorf("image.properties: %s:%s", s.short(s.Properties), strings.TrimSpace(line)))
	}
	return unknown, errors.Join(errs...)
}
