package image

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/identity"
)

// spared are the layers of an image that another engine has. They may be left out of an archive as docker save writes
// it, and stay named in it.
type spared struct {
	diffs  []digest.Digest // of their contents
	chains []digest.Digest // of each with all below it
}

// spare is how much of an image another one has: the layers that both begin with. A content that the image has once
// more further up is not spared, since an archive holds it only once.
func spare(layers, there []string) spared {
	var s spared
	common := 0
	for common < min(len(layers), len(there)) && layers[common] == there[common] {
		common++
	}
	var chain []digest.Digest
	for _, layer := range layers[:common] {
		chain = append(chain, digest.Digest(layer))
		if !slices.Contains(layers[common:], layer) {
			s.diffs = append(s.diffs, digest.Digest(layer))
			s.chains = append(s.chains, identity.ChainID(chain))
		}
	}
	return s
}

// copy copies an archive without the content of the layers that are spared. One that it does not recognize as such is
// copied. An archive that ends early is an error.
func (s spared) copy(to io.Writer, from io.Reader) error {
	out := tar.NewWriter(to)
	legacy := map[string]bool{} // folders of layers that are spared
	whole := false
	for in := tar.NewReader(from); ; {
		header, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("read the image from its engine: %w", err)
		}
		whole = whole || header.Name == "manifest.json"
		folder, name := path.Split(header.Name)
		if s.blob(header.Name) || (name == "layer.tar" && legacy[folder]) {
			continue
		}
		content := io.Reader(in)
		if name == "json" && header.Size < largestText {
			text, err := io.ReadAll(in)
			if err != nil {
				return fmt.Errorf("read the image from its engine: %w", err)
			}
			legacy[folder] = s.legacy(path.Clean(folder), text)
			content = bytes.NewReader(text)
		}
		if err := out.WriteHeader(header); err != nil {
			return err
		}
		if _, err := io.Copy(out, content); err != nil {
			return err
		}
	}
	if !whole {
		return errors.New("read the image from its engine: there is no manifest.json in what it saved")
	}
	return out.Close()
}

// blob reports whether a file is the content of a layer that is spared. Engines from 25 on name it by its sum.
func (s spared) blob(name string) bool {
	sum, ok := strings.CutPrefix(name, "blobs/sha256/")
	return ok && slices.Contains(s.diffs, digest.Digest("sha256:"+sum))
}

// legacy reports whether a folder holds a layer that is spared. Engines before 25 write a folder for each layer, with a
// json ahead of the layer.tar. The folder's name is the sum of that json and of the layer's chain, so the right chain
// is the one with which the sum comes out.
func (s spared) legacy(folder string, text []byte) bool {
	var fields map[string]json.RawMessage
	var own struct {
		Parent string `json:"parent"`
	}
	if json.Unmarshal(text, &fields) != nil || json.Unmarshal(text, &own) != nil {
		return false
	}
	delete(fields, "id")
	delete(fields, "os") // added after the sum was made
	if own.Parent != "" {
		fields["parent"] = json.RawMessage(`"sha256:` + own.Parent + `"`)
	}
	return slices.ContainsFunc(s.chains, func(chain digest.Digest) bool {
		fields["layer_id"] = json.RawMessage(`"` + chain.String() + `"`)
		data, err := json.Marshal(fields)
		sum := sha256.Sum256(data)
		return err == nil && hex.EncodeToString(sum[:]) == folder
	})
}
