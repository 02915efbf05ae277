//go:build !unix

package cli

// slot needs file locks that end with their process; without it a demo worker is
// an ordinary member.
func slot(...string) (name string, release func()) { return "", func() {} }
