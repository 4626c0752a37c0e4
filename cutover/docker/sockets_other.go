//go:build !linux

package docker

import (
	"errors"
	"fmt"

	"github.com/cutover/cutover/cutover"
)

func socketsIn(path string) ([]cutover.Socket, error) {
	if path != "" {
		return nil, errElsewhere
	}
	return nil, fmt.Errorf("%w: only Linux tells", errors.ErrUnsupported)
}
