package image

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

// What docker save of engine 20.10 says of the two lower layers of an image, as it was recorded.
const (
	bottomLayer = "sha256:7d0478245fe27625683a6a38b3433bd03489aa190e040924648bac2ca0717b7c"
	secondLayer = "sha256:9ee6f416e7bca0ca8b31134fd0e28e467a726d191bf95c8fda7e477717b4254e"
	bottomID    = "f13ca0240e068b0c31faedb361398555067022f7bc0b65c72671864b5d35ddb4"
	secondID    = "e5a847110050b3b5398037f62dfa5d1623b8ae5ac952b12e397a89deda0139e9"
	blank       = `"created":"1970-01-01T00:00:00Z","container_config":{"Hostname":"","Domainname":"","User":"","AttachStdin":false,"AttachStdout":false,"AttachStderr":false,"Tty":false,"OpenStdin":false,"StdinOnce":false,"Env":null,"Cmd":null,"Image":"","Volumes":null,"WorkingDir":"","Entrypoint":null,"OnBuild":null,"Labels":null},"os":"linux"}`
	bottomJSON  = `{"id":"` + bottomID + `",` + blank
	secondJSON  = `{"id":"` + secondID + `","parent":"` + bottomID + `",` + blank
	topLayer    = "sha256:201abfc4138de9f8061719a29a04759a819dcfb1255fc6d6d315432ec5607803"
)

// saved is an archive of these files, each with its name as its content unless it is given one.
func saved(t *testing.T, files ...string) *bytes.Buffer {
	t.Helper()
	var archive bytes.Buffer
	out := tar.NewWriter(&archive)
	for _, name := range files {
		name, content, has := strings.Cut(name, "=")
		if !has {
			content = name
		}
		if err := writeFile(out, name, []byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	return &archive
}

func TestLayersThatAreThereDoNotTravel(t *testing.T) {
	image := []string{bottomLayer, secondLayer, topLayer}
	legacy := []string{
		secondID + "/VERSION", secondID + "/json=" + secondJSON, secondID + "/layer.tar",
		bottomID + "/json=" + bottomJSON, bottomID + "/layer.tar", "0123/json={}", "0123/layer.tar", "manifest.json", "repositories",
	}
	blobs := []string{"blobs/sha256/" + bottomLayer[7:], "blobs/sha256/" + secondLayer[7:], "blobs/sha256/" + topLayer[7:], "blobs/sha256/0123", "index.json", "manifest.json"}
	for name, c := range map[string]struct {
		there, files, missing []string
	}{
		"before 25, nothing there":        {nil, legacy, nil},
		"before 25, another image there":  {[]string{secondLayer, bottomLayer}, legacy, nil},
		"before 25, the lower two there":  {[]string{bottomLayer, secondLayer, "sha256:other"}, legacy, []string{secondID + "/layer.tar", bottomID + "/layer.tar"}},
		"before 25, the lowest there":     {[]string{bottomLayer}, legacy, []string{bottomID + "/layer.tar"}},
		"from 25, nothing there":          {nil, blobs, nil},
		"from 25, the lower two there":    {[]string{bottomLayer, secondLayer}, blobs, blobs[:2]},
		"from 25, all but the last there": {[]string{bottomLayer, secondLayer, "sha256:other"}, blobs, blobs[:2]},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := spare(image, c.there).copy(&out, saved(t, c.files...)); err != nil {
				t.Fatal(err)
			}
			var want []string
			for _, file := range c.files {
				if !slices.Contains(c.missing, file) {
					want = append(want, file)
				}
			}
			if !bytes.Equal(out.Bytes(), saved(t, want...).Bytes()) {
				t.Errorf("got %s, want %v", names(t, &out), want)
			}
		})
	}
}

func names(t *testing.T, archive io.Reader) (all []string) {
	t.Helper()
	for in := tar.NewReader(archive); ; {
		header, err := in.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, header.Name)
	}
}

// An archive has a content once, even when the image has it twice: then a layer further up may need what is there below.
func TestLayerThatComesTwiceTravels(t *testing.T) {
	if s := spare([]string{bottomLayer, secondLayer, bottomLayer}, []string{bottomLayer, secondLayer}); len(s.diffs) != 1 || s.diffs[0].String() != secondLayer {
		t.Errorf("left out: %v", s.diffs)
	}
}

// An archive that was cut short must not look like a whole one.
func TestArchiveThatEndsEarly(t *testing.T) {
	whole := saved(t, "blobs/sha256/0123", "manifest.json").Bytes()
	for name, part := range map[string][]byte{"in a file": whole[:600], "before the manifest": saved(t, "blobs/sha256/0123").Bytes(), "empty": nil} {
		if err := (spared{}).copy(io.Discard, bytes.NewReader(part)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
