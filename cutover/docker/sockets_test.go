package docker

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/cutover/cutover/cutover"
)

const header = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"

func TestParseSockets(t *testing.T) {
	text := header +
		"   0: 00000000:15B3 00000000:0000 0A 00000000:00000005 00:00000000 00000000  1724        0 4177 1\n" + // listens, with a full queue
		"   1: 0200A8C0:15B3 0900000A:A1B2 01 00000000:00000000 00:00000000 00000000  1724        0 4178 1\n" +
		"   2: 0200A8C0:15B3 0900000A:A1B3 06 00000000:00000000 03:000001C7 00000000     0        0    0 3\n" + // TIME_WAIT
		"   3: 0200A8C0:15B3 0900000A:A1B4 04 00000F00:00000000 01:00000015 00000000     0        0    0 3\n" + // FIN_WAIT1, and unsent
		"   4: 0200A8C0:15B3 0900000A:A1B5 08 00000000:00000000 00:00000000 00000000  1724        0 4179 1\n" + // CLOSE_WAIT
		header +
		"   0: 0000000000000000FFFF00000200A8C0:15B4 0000000000000000FFFF00000A00000A:0050 01 00000000:00000000 02:00000A 00000000 0 0 1 1\n" +
		"   1: B80D0120000000000000000001000000:15B4 B80D0120000000000000000002000000:0051 01 00000000:00000000 02:00000A 00000000 0 0 1 1\n"
	want := []cutover.Socket{
		{Port: 5555, Peer: netip.MustParseAddrPort("10.0.0.9:41394")}, {Port: 5555, Peer: netip.MustParseAddrPort("10.0.0.9:41396")},
		{Port: 5556, Peer: netip.MustParseAddrPort("10.0.0.10:80")}, {Port: 5556, Peer: netip.MustParseAddrPort("[2001:db8::2]:81")},
	}
	got, err := parseSockets([]byte(text))
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	for _, broken := range []string{"", "cat: not found\n", header + "  0: zz:15B3 00000000:0000 0A 0:0 0\n", header + "  0: 0200A8C0:15B3\n"} {
		if got, err := parseSockets([]byte(broken)); err == nil {
			t.Errorf("%q: %v", broken, got)
		}
	}
}

// What a helper answers is what the kernel has, of both tables.
func TestHelperAnswers(t *testing.T) {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	client, err := net.Dial("tcp", server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	questions, ask := io.Pipe()
	read, answers := io.Pipe()
	go func() { answers.CloseWithError(AnswerAsHelper(questions, answers)) }()
	defer ask.Close()
	one := &helper{stream: ask, ask: ask, answers: bufio.NewReader(read)}
	for range 2 {
		text, err := one.tables(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		sockets, err := parseSockets(text)
		want := netip.MustParseAddrPort(client.LocalAddr().String())
		if err != nil || !slices.ContainsFunc(sockets, func(s cutover.Socket) bool { return s.Peer == want }) {
			t.Errorf("%v, %v: %s is not among them", sockets, err, want)
		}
	}
}

func FuzzParseSockets(f *testing.F) {
	f.Add([]byte(header + "   1: 0200A8C0:15B3 0900000A:A1B2 01 00000000:00000000 00:0 0\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		sockets, err := parseSockets(text)
		if err == nil && len(sockets) > bytes.Count(text, []byte("\n"))+1 {
			t.Errorf("%d sockets in %q", len(sockets), strings.ToValidUTF8(string(text), "?"))
		}
	})
}
