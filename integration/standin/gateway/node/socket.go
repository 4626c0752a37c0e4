package node

import (
	"crypto/sha1" //nolint:gosec // the protocol's handshake, no protection
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
)

// echoSocket switches protocols (RFC 6455, 4.2.2) and sends back whatever comes, without looking into the frames, for as
// long as the client likes. It is no transaction, and quiescing does not wait for it.
func echoSocket(w http.ResponseWriter, r *http.Request) {
	conn, stream, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer conn.Close()                                                                                  //nolint:errcheck // nothing more is said
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // see above
	if _, err := fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		base64.StdEncoding.EncodeToString(sum[:])); err != nil {
		return
	}
	_, _ = io.Copy(conn, stream) // until the client closes
}
