package fromnest_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// shown is a piece of Go in the guide, with the file that it is from.
var shown = regexp.MustCompile("(?s)<!-- (\\S+) -->\n```go\n(.*?)```")

// The guide shows the code of this folder, comments apart.
func TestGuideShowsThisCode(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	guide, err := os.ReadFile(filepath.Join(root, "docs", "guides", "from-nestjs.md"))
	if err != nil {
		t.Fatal(err)
	}
	pieces := shown.FindAllSubmatch(guide, -1)
	if len(pieces) < 3 {
		t.Fatalf("the guide shows %d pieces, want at least 3", len(pieces))
	}
	for _, piece := range pieces {
		code, err := os.ReadFile(filepath.Join(root, string(piece[1])))
		if err != nil {
			t.Fatal(err)
		}
		for decl := range strings.SplitSeq(string(piece[2]), "\n\n") {
			if !strings.Contains(string(code), strings.TrimSpace(decl)) {
				t.Errorf("%s has no\n%s", piece[1], decl)
			}
		}
	}
}
