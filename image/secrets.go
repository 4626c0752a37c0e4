package image

import (
	"bytes"
	"path"
	"regexp"
	"slices"
	"strings"
)

// secret is something that must not be in an image. It never holds the value.
type secret struct {
	Line int    `json:"line,omitempty"` // 0: the whole file
	Key  string `json:"key,omitempty"`
	What string `json:"what"`
}

var (
	keystores    = []string{".jks", ".jceks", ".p12", ".pfx", ".keystore", ".bcfks"}
	configFiles  = []string{".properties", ".cnf", ".conf", ".cfg", ".ini", ".env", ".yml", ".yaml", ".json", ".xml"}
	privateKey   = regexp.MustCompile(`-----BEGIN ([A-Z0-9]+ )*PRIVATE KEY-----`)
	licence      = regexp.MustCompile(`(?i)<(license_?key|licenseinfo(rmation)?)[ >]`)
	secretKey    = regexp.MustCompile(`(?i)(password|passwd|passphrase|pwd|secret|token|api[-_.]?key|access[-_.]?key|secret[-_.]?key|private[-_.]?key|credentials?)$`)
	inURL        = regexp.MustCompile(`(?i)(://[^/\s:@]+:[^/\s:@]+@)|([;?&](password|passwd|pwd)=[^;&\s"'<]+)`)
	assignment   = regexp.MustCompile(`^\s*(?:-\s+)?["']?([\w.:/\\-]+)["']?\s*[=:]\s*(.*)$`)
	xmlNamed     = regexp.MustCompile(`name="([^"]+)"[^>]*>([^<]+)<`)
	xmlElement   = regexp.MustCompile(`<([\w.:-]+)(?:\s[^>]*)?>([^<]+)</`)
	xmlAttribute = regexp.MustCompile(`([\w.:-]+)="([^"]*)"`)
	jsonPair     = regexp.MustCompile(`"([\w.:/-]+)"\s*:\s*"([^"]*)"`)
	yamlPair     = regexp.MustCompile(`["']?([\w.-]+)["']?\s*:\s+("[^"]*"|'[^']*'|[^\s,}][^,}]*)`)
	placeholder  = regexp.MustCompile(`\$(env|secret)?\{[^}]*\}`)
)

// secretsIn finds secrets in a file: by its name, and when it is no larger than largestText by its content, of which
// the rest is given empty.
func secretsIn(name string, text []byte) []secret {
	extension := strings.ToLower(path.Ext(name))
	switch {
	case slices.Contains(keystores, extension):
		return []secret{{What: "a keystore"}}
	case strings.EqualFold(path.Base(name), "licenseKey.xml") || (extension == ".xml" && licence.Match(text)):
		return []secret{{What: "a licence key"}}
	}
	scan := slices.Contains(configFiles, extension)
	if !scan && !privateKey.Match(text) {
		return nil
	}
	var found []secret
	for i, line := range bytes.Split(text, []byte("\n")) {
		if privateKey.Match(line) {
			found = append(found, secret{Line: i + 1, What: "a private key"})
		} else if scan {
			for _, s := range literals(string(line), extension) {
				s.Line = i + 1
				found = append(found, s)
			}
		}
	}
	return found
}

// literals finds the keys in a line that are named like a secret and have a value that is written out.
func literals(line, extension string) (found []secret) {
	trimmed := strings.TrimSpace(line)
	if trimmed == "" || strings.HasPrefix(trimmed, "#") || strings.HasPrefix(trimmed, "!") || strings.HasPrefix(trimmed, "<!--") {
		return nil
	}
	for _, pair := range pairs(line, extension) {
		if secretKey.MatchString(pair[1]) && literal(pair[2]) {
			found = append(found, secret{Key: pair[1], What: "a literal value"})
		} else if bare := placeholder.ReplaceAllString(pair[2], "$"); inURL.MatchString(bare) && !strings.Contains(inURL.FindString(bare), "$") {
			found = append(found, secret{Key: pair[1], What: "a password in a URL"})
		}
	}
	return found
}

func pairs(line, extension string) [][]string {
	switch extension {
	case ".xml":
		return slices.Concat(xmlNamed.FindAllStringSubmatch(line, -1), xmlElement.FindAllStringSubmatch(line, -1), xmlAttribute.FindAllStringSubmatch(line, -1))
	case ".json":
		return jsonPair.FindAllStringSubmatch(line, -1)
	case ".yml", ".yaml":
		return yamlPair.FindAllStringSubmatch(line, -1)
	}
	if pair := assignment.FindStringSubmatch(line); pair != nil {
		return [][]string{pair}
	}
	return nil
}

// literal reports whether a value is written out, rather than left to the environment, to a secret, or empty.
func literal(value string) bool {
	value = strings.Trim(strings.TrimSpace(value), `"',`)
	value = strings.TrimSpace(value)
	switch strings.ToLower(strings.Trim(value, "*")) {
	case "", "true", "false", "yes", "no", "null", "~", "{}", "[]":
		return false
	}
	return placeholder.ReplaceAllString(value, "") != ""
}
