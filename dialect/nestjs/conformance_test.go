package nestjs_test

import (
	"testing"

	"github.com/siskin-go/siskin/dialect/dialecttest"
	"github.com/siskin-go/siskin/dialect/nestjs"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	dialecttest.Run(t, nestjs.Dialect{})
}
