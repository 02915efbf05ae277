package config_test

import (
	"fmt"
	"os"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/config"
)

// The program says what it is, a file says where it runs, and the environment
// has the last word.
func ExampleLoad() {
	_ = os.Setenv("SISKIN_TIMEOUT", "2s")
	defer os.Unsetenv("SISKIN_TIMEOUT")

	cfg, err := config.Load(siskin.Config{ClientID: "shop", Group: "shop"}, "testdata/siskin.yaml")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(cfg.Group, cfg.Partitions, cfg.Timeout)
	// Output: shop 3 2s
}
