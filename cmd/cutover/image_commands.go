package main

import (
	"fmt"
	"os"

	"github.com/cutover/cutover/cutover/config"
	"github.com/cutover/cutover/image"
)

// imageCommand is a command of image.run. Its secrets are not read before it is run.
func imageCommand(c config.Config, from config.Command) image.Command {
	command := image.Command{Words: from.Command, User: from.User, Timeout: from.Timeout.Std()}
	for _, secret := range from.Secrets {
		command.Secrets = append(command.Secrets, image.Secret{ID: secret.ID, Value: func() ([]byte, error) {
			if secret.File != "" {
				return os.ReadFile(c.Path(secret.File))
			}
			value, ok := os.LookupEnv(secret.Env)
			if !ok {
				return nil, fmt.Errorf("the variable %s is not set", secret.Env)
			}
			return []byte(value), nil
		}})
	}
	return command
}
