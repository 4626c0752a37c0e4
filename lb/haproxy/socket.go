package haproxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"time"
)

// maxAnswer bounds what one answer may hold: `show stat` has about 700 bytes per server.
const maxAnswer = 16 << 20

// usualAnswer is room for what a small fleet's worker says, so that it takes few reads.
const usualAnswer = 16 << 10

// socket is where a command line listens; the zero socket is not configured.
type socket struct{ network, address string }

func (s socket) String() string { return s.network + "://" + s.address }

func parseSocket(text string) (socket, error) {
	u, err := url.Parse(text)
	if err == nil && u.User == nil {
		switch {
		case u.Scheme == "tcp" && u.Hostname() != "" && u.Port() != "" && u.Path == "":
			return socket{"tcp", u.Host}, nil
		case u.Scheme == "unix" && u.Host == "" && u.Path != "":
			return socket{"unix", u.Path}, nil
		}
	}
	return socket{}, errors.New("it must look like tcp://10.0.0.5:9999 or unix:///run/haproxy/master.sock")
}

// ask sends one line of commands, separated by ";", and returns the whole answer. It blocks until HAProxy has closed
// the connection, which it does after the last command because nothing more can come; the context's deadline ends
// it earlier, as an error. HAProxy also closes in the middle of an answer when it reloads: the caller checks for that.
func (s socket) ask(ctx context.Context, line string) (string, error) {
	dialer := net.Dialer{KeepAlive: -1} // it lasts for one answer, and has a deadline
	conn, err := dialer.DialContext(ctx, s.network, s.address)
	if err != nil {
		return "", fmt.Errorf("connect to %s: %w", s, cause(ctx, err))
	}
	defer conn.Close() //nolint:errcheck // the answer was read, or there is an error already
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := io.WriteString(conn, line+"\n"); err != nil {
		return "", fmt.Errorf("ask %s: %w", s, cause(ctx, err))
	}
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite() // a peer that has closed already shows in the answer
	}
	answer := bytes.NewBuffer(make([]byte, 0, usualAnswer))
	_, err = answer.ReadFrom(io.LimitReader(conn, maxAnswer+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("read answer of %s: %w", s, cause(ctx, err))
	case answer.Len() > maxAnswer:
		return "", fmt.Errorf("read answer of %s: more than %d MiB: is this HAProxy's socket?", s, maxAnswer>>20)
	}
	return answer.String(), nil
}

// cause prefers the context's reason to the error that it made the connection return, and leaves out of that its own port,
// which is another one each time: what fails in the same way reads the same.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if failed := (*net.OpError)(nil); errors.As(err, &failed) {
		return failed.Err
	}
	return err
}
