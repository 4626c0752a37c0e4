package haproxy

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"

	"github.com/cutover/cutover/lb"
)

// row is one line of `show stat`: a frontend, a backend or a server.
type row struct {
	Proxy, Name    string // Name is FRONTEND, BACKEND or the server's
	Status         string
	Address        netip.AddrPort // servers only; invalid when hidden, unresolved, or not IP
	HasAddress     bool           // the address column was not empty
	Weight         int
	Sessions       int
	Queue          int
	frontendOrBack bool
}

// server reports whether the row is a server's.
func (r row) server() bool { return !r.frontendOrBack }

// parseStat reads the CSV of `show stat`. Columns are found by name: their number and order change with versions and
// with what is compiled in.
func parseStat(text string) ([]row, error) {
	body, ok := strings.CutPrefix(text, "# ")
	if !ok {
		return nil, fmt.Errorf("answer is not `show stat`: %q", short(text))
	}
	reader := csv.NewReader(strings.NewReader(body))
	reader.FieldsPerRecord = -1
	reader.LazyQuotes = true
	reader.ReuseRecord = true
	header, err := reader.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("read `show stat`: no header")
	}
	if err != nil {
		return nil, fmt.Errorf("read `show stat`: %w", err)
	}
	column, columns := map[string]int{}, len(header)
	for i, name := range header {
		column[name] = i
	}
	for _, need := range []string{"pxname", "svname", "status", "scur", "qcur", "weight", "type", "addr"} {
		if _, ok := column[need]; !ok {
			return nil, fmt.Errorf("read `show stat`: no column %s: HAProxy 1.7 or later is needed", need)
		}
	}
	var rows []row
	for {
		record, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read `show stat`: %w", err)
		}
		r, err := parseRow(record, column, columns)
		if err != nil {
			return nil, fmt.Errorf("read `show stat`: %w", err)
		}
		rows = append(rows, r)
	}
}

func parseRow(record []string, column map[string]int, columns int) (row, error) {
	if len(record) < columns {
		return row{}, fmt.Errorf("a line has %d of %d columns: %q", len(record), columns, short(strings.Join(record, ",")))
	}
	at := func(name string) string { return record[column[name]] }
	r := row{Proxy: at("pxname"), Name: at("svname"), Status: at("status")}
	r.frontendOrBack = at("type") != "2" // 0 frontend, 1 backend, 2 server, 3 socket
	for name, into := range map[string]*int{"scur": &r.Sessions, "qcur": &r.Queue, "weight": &r.Weight} {
		if at(name) == "" {
			continue
		}
		n, err := strconv.Atoi(at(name))
		if err != nil || n < 0 {
			return row{}, fmt.Errorf("%s/%s: %s is %q, not a number", r.Proxy, r.Name, name, short(at(name)))
		}
		*into = n
	}
	r.HasAddress = at("addr") != ""
	if a, err := netip.ParseAddrPort(at("addr")); err == nil {
		r.Address = netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
	}
	return r, nil
}

// status translates: "UP 1/3" is on its way down but still takes requests, "DOWN 1/2" is on its way up and does not.
func status(text string) lb.Status {
	switch {
	case text == "MAINT (resolution)":
		return lb.Unresolved
	case strings.HasPrefix(text, "MAINT"):
		return lb.Maint
	case text == "no check", text == "UP", strings.HasPrefix(text, "UP "):
		return lb.Up
	case strings.HasPrefix(text, "DRAIN"), strings.HasPrefix(text, "NOLB"):
		return lb.Drain
	case strings.HasPrefix(text, "DOWN"):
		return lb.Down
	}
	return lb.Status(short(text))
}

func short(text string) string {
	text, _, _ = strings.Cut(strings.TrimSpace(text), "\n")
	if len(text) > 80 {
		text = strings.ToValidUTF8(text[:80], "") + "…"
	}
	return text
}
