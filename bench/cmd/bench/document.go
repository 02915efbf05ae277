package main

import (
	"path/filepath"
	"strings"

	"github.com/siskin-go/siskin/bench/internal/report"
)

// publishDocument writes figures into a Markdown document, and pictures into a
// folder beside it that has its name.
func publishDocument(rep *report.Report, document string) error {
	pictures, err := rep.Draw(filepath.Dir(document), folder(document))
	if err != nil {
		return err
	}
	return rep.Embed(document, pictures)
}

// folder is that of a document's pictures.
func folder(document string) string {
	return strings.TrimSuffix(filepath.Base(document), filepath.Ext(document))
}
