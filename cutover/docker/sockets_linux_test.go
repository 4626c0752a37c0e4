package docker

import (
	"encoding/json"
	"io"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/cutover/cutover/cutover"
)

// What a helper answers is what the kernel has: this test's own connections. One that has been answered is quiet, one
// that has not is not, however long it takes.
func TestHelperAnswers(t *testing.T) {
	server, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	connect := func(say string, answer bool) netip.AddrPort {
		client, err := net.Dial("tcp", server.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { client.Close() })
		accepted, err := server.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { accepted.Close() })
		if _, err := io.WriteString(client, say); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(accepted, make([]byte, len(say))); err != nil {
			t.Fatal(err)
		}
		if answer {
			if _, err := io.WriteString(accepted, "answer"); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(client, make([]byte, len("answer"))); err != nil {
				t.Fatal(err)
			}
		}
		return netip.MustParseAddrPort(client.LocalAddr().String())
	}
	fresh, answered, asked := connect("", false), connect("request", true), connect("request", false)
	questions, ask := io.Pipe()
	read, answers := io.Pipe()
	go func() { answers.CloseWithError(AnswerAsHelper(questions, answers)) }()
	defer ask.Close()
	one := &helper{conn: writing{ask}, from: read, answers: json.NewDecoder(read)}
	port := server.Addr().(*net.TCPAddr).Port
	look := func(peer netip.AddrPort) cutover.Socket {
		sockets, err := one.sockets(t.Context())
		i := slices.IndexFunc(sockets, func(s cutover.Socket) bool { return s.Peer == peer && s.Port == port })
		if err != nil || i < 0 {
			t.Fatalf("%v, %v: %s is not among them", sockets, err, peer)
		}
		return sockets[i]
	}
	const quiet = 300 * time.Millisecond
	for deadline := time.Now().Add(10 * time.Second); look(fresh).Quiet < quiet || look(answered).Quiet < quiet; {
		if time.Now().After(deadline) {
			t.Fatalf("not quiet: %v, %v", look(fresh), look(answered))
		}
	}
	if s := look(asked); s.Quiet != 0 {
		t.Errorf("a request that is not answered: %v", s)
	}
}

func TestSocketsThatCount(t *testing.T) {
	const finWait1, timeWait = 4, 6
	idle := &netlink.TCPInfo{Bytes_received: 9, Bytes_sent: 9, Last_data_recv: 5004, Last_data_sent: 5000}
	for name, test := range map[string]struct {
		state  uint8
		unsent uint32
		info   *netlink.TCPInfo
		counts bool
		quiet  time.Duration
	}{
		"a listener with a queue": {listening, 5, nil, false, 0},
		"idle":                    {established, 0, idle, true, 5 * time.Second},
		"answered at once":        {established, 0, &netlink.TCPInfo{Bytes_received: 9, Bytes_sent: 9, Last_data_recv: 5000, Last_data_sent: 5000}, true, 5 * time.Second},
		"in flight":               {established, 0, &netlink.TCPInfo{Bytes_received: 9, Bytes_sent: 9, Last_data_recv: 5000, Last_data_sent: 5004}, true, 0},
		"its first request":       {established, 0, &netlink.TCPInfo{Bytes_received: 9, Last_data_recv: 5000, Last_data_sent: 5000}, true, 0},
		"never used":              {established, 0, &netlink.TCPInfo{Last_ack_recv: 7000}, true, 7 * time.Second},
		"an answer on its way":    {established, 9, idle, true, 0},
		"the same, closed":        {finWait1, 9, nil, true, 0},
		"closed":                  {closeWait, 0, idle, false, 0},
		"asked, and half closed":  {closeWait, 0, &netlink.TCPInfo{Bytes_received: 9, Bytes_sent: 9, Last_data_recv: 5000, Last_data_sent: 5004}, true, 0},
		"over":                    {timeWait, 0, nil, false, 0},
		"without figures":         {established, 0, nil, true, 0},
	} {
		s := &netlink.Socket{State: test.state, WQueue: test.unsent, ID: netlink.SocketID{SourcePort: 5555, DestinationPort: 41394, Destination: net.ParseIP("10.0.0.9")}}
		got, counts := socketOf(&netlink.InetDiagTCPInfoResp{InetDiagMsg: s, TCPInfo: test.info})
		want := cutover.Socket{}
		if test.counts {
			want = cutover.Socket{Port: 5555, Peer: netip.MustParseAddrPort("10.0.0.9:41394"), Quiet: test.quiet}
		}
		if counts != test.counts || got != want {
			t.Errorf("%s: %+v, %t", name, got, counts)
		}
	}
}

// writing is the one half of a connection.
type writing struct{ io.WriteCloser }

func (writing) Read([]byte) (int, error)         { return 0, io.EOF }
func (writing) LocalAddr() net.Addr              { return nil }
func (writing) RemoteAddr() net.Addr             { return nil }
func (writing) SetDeadline(time.Time) error      { return nil }
func (writing) SetReadDeadline(time.Time) error  { return nil }
func (writing) SetWriteDeadline(time.Time) error { return nil }
