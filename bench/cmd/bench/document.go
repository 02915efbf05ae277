package main

import (
	"path/filepath"
	"strings"

	"github.com/siskin-go/siskin/bench/internal/report"
)

// publishDocument writes figures into a Markdown document, and pictures into a
// folder beside it that has its name.
func publishDocument(rep *report.Report, document string) error {
	folder := strings.TrimSuffix(filepath.Base(document), filepath.Ext(document))
	pictures, err := rep.Draw(filepath.Dir(document), folder)
	if err != nil {
		return err
	}
	return rep.Embed(document, pictures)
}
