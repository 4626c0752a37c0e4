package image

import (
	"fmt"
	"io"
	"maps"
	"slices"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// WriteSBOM writes what was added to the base as a CycloneDX 1.6 document: the packages with what they depend on, and
// every file with its sum. The same image has the same document, so it bears no date and no serial number.
func (b *Build) WriteSBOM(to io.Writer) error {
	bom := cdx.NewBOM()
	root := cdx.Component{BOMRef: b.Ref, Type: cdx.ComponentTypeContainer, Name: b.Ref, Version: b.Fingerprint}
	bom.Metadata = &cdx.Metadata{Component: &root, Tools: &cdx.ToolsChoice{Components: &[]cdx.Component{{Type: cdx.ComponentTypeApplication, Name: "cutover"}}}}
	base := cdx.Component{BOMRef: "base", Type: cdx.ComponentTypeContainer, Name: b.Record.Base.Name, Version: b.Record.Base.ID}
	components := []cdx.Component{base}
	below := []string{base.BOMRef}
	var dependencies []cdx.Dependency
	given := map[string]bool{}
	for _, p := range b.Record.Packages {
		given[p.Name] = true
	}
	for _, p := range b.Record.Packages {
		components = append(components, cdx.Component{BOMRef: "package:" + p.Name, Type: cdx.ComponentTypeLibrary, Name: p.Name, Version: p.Version})
		below = append(below, "package:"+p.Name)
		var on []string
		for _, name := range slices.Sorted(maps.Keys(p.Requires)) {
			ref := "package:" + name
			if !given[name] {
				ref = base.BOMRef
			}
			if !slices.Contains(on, ref) {
				on = append(on, ref)
			}
		}
		dependencies = append(dependencies, cdx.Dependency{Ref: "package:" + p.Name, Dependencies: &on})
	}
	for _, f := range b.Record.Files {
		components = append(components, cdx.Component{
			BOMRef: "file:" + f.Path, Type: cdx.ComponentTypeFile, Name: f.Path,
			Hashes: &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: f.SHA256}},
		})
	}
	dependencies = append([]cdx.Dependency{{Ref: root.BOMRef, Dependencies: &below}}, dependencies...)
	bom.Components, bom.Dependencies = &components, &dependencies
	if err := cdx.NewBOMEncoder(to, cdx.BOMFileFormatJSON).SetPretty(true).EncodeVersion(bom, cdx.SpecVersion1_6); err != nil {
		return fmt.Errorf("write the bill of materials: %w", err)
	}
	return nil
}
