package node

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"time"
)

// certificate is what the HTTPS port shows, and the authority that signed it.
// Both are made anew for each process.
type certificate struct {
	tls tls.Certificate
	ca  []byte // PEM
}

// newCertificate makes a certificate for the host's name, the node's name,
// localhost, and every address of the machine.
func newCertificate(cfg Config) (*certificate, error) {
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	ca := template("stand-in authority of "+cfg.Name, 1)
	ca.IsCA, ca.BasicConstraintsValid, ca.KeyUsage = true, true, x509.KeyUsageCertSign
	caRaw, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	leaf := template(cfg.Name, 2)
	leaf.KeyUsage, leaf.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	leaf.DNSNames, leaf.IPAddresses = []string{"localhost", cfg.Name}, addresses(cfg)
	if host, err := os.Hostname(); err == nil && host != cfg.Name {
		leaf.DNSNames = append(leaf.DNSNames, host)
	}
	raw, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, caKey)
	if err != nil {
		return nil, err
	}
	return &certificate{
		tls: tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key},
		ca:  pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caRaw}),
	}, nil
}

func template(name string, serial int64) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
	}
}

// addresses are those of the machine's interfaces, and the one listened on.
func addresses(cfg Config) []net.IP {
	var out []net.IP
	if ip := net.ParseIP(cfg.Host); ip != nil {
		out = append(out, ip)
	}
	found, _ := net.InterfaceAddrs() // none: the names are left
	for _, address := range found {
		if network, ok := address.(*net.IPNet); ok {
			out = append(out, network.IP)
		}
	}
	return out
}

// getCA gives the authority to clients that are to trust the HTTPS port.
func (n *Node) getCA(w http.ResponseWriter, r *http.Request) {
	if n.certificate == nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/x-pem-file")
	_, _ = w.Write(n.certificate.ca) // a client that is gone is the client's affair
}

// addHTTPS adds the HTTPS port. It serves what the primary one does.
func (n *Node) addHTTPS(number int) {
	made, err := newCertificate(n.cfg)
	if err != nil {
		n.cfg.Logf("no HTTPS port: %v", err) // only without a source of random numbers
		return
	}
	n.certificate = made
	p := newPort(max(number, 0), httpsAlias, "WmRoot", n.runtimeHandler())
	p.secure(made.tls)
	n.ports.add(p)
}
