package config

import (
	"fmt"
	"regexp"
	"time"
)

// Command is run while an image is made. It is written as the command, or as a mapping.
type Command struct {
	Command Words    `yaml:"command"`
	User    string   `yaml:"user"`    // default: the image's
	Timeout Duration `yaml:"timeout"` // default 15m
	Secrets []Secret `yaml:"secrets"`
}

// UnmarshalYAML accepts both forms.
func (c *Command) UnmarshalYAML(decode func(any) error) error {
	if decode(&c.Command) == nil {
		return nil
	}
	type plain Command
	return decode((*plain)(c))
}

// Words are a command and its arguments. A string is one for /bin/sh -c.
type Words []string

// UnmarshalYAML accepts both forms.
func (w *Words) UnmarshalYAML(decode func(any) error) error {
	var script string
	if decode(&script) == nil {
		*w = Words{"/bin/sh", "-c", script}
		return nil
	}
	var words []string
	err := decode(&words)
	*w = words
	return err
}

// Secret is a file /run/secrets/ID for as long as a command runs. One of file and env says where its value is.
type Secret struct {
	ID   string `yaml:"id"`
	File string `yaml:"file"`
	Env  string `yaml:"env"`
}

// Verify says how a new image is tried.
type Verify struct {
	Network      string            `yaml:"network"` // with the data store; default: one that leads nowhere
	Env          map[string]string `yaml:"env"`
	Timeout      Duration          `yaml:"timeout"` // default 6m
	User         string            `yaml:"user"`    // default, as the password: the driver's
	PasswordFile string            `yaml:"password_file"`
	PasswordEnv  string            `yaml:"password_env"`
}

func (i Image) withDefaults(folder string) Image {
	i.Packages = i.found(folder)
	for n := range i.Run {
		setDefault(&i.Run[n].Timeout, Duration(15*time.Minute))
	}
	setDefault(&i.Verify.Timeout, Duration(6*time.Minute))
	return i
}

var secretID = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$`)

func (c Config) commandProblems(say sayer) {
	for i, command := range c.Image.Run {
		key := fmt.Sprintf("image.run[%d]", i)
		if len(command.Command) == 0 || command.Command[len(command.Command)-1] == "" {
			say(key, "missing: command, a list of words, or a string for /bin/sh -c")
		}
		given := map[string]bool{}
		for j, secret := range command.Secrets {
			key := fmt.Sprintf("%s.secrets[%d]", key, j)
			if !secretID.MatchString(secret.ID) || given[secret.ID] {
				say(key+".id", "%q: give each secret a name of its own of letters, digits, dots, dashes and underscores: it is the file /run/secrets/NAME", secret.ID)
			}
			given[secret.ID] = true
			if (secret.File == "") == (secret.Env == "") {
				say(key, "give file or env, where the secret's value is")
			}
		}
	}
}
