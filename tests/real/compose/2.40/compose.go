//go:build compose

// Package compose holds Docker Compose 2.40 in go.mod, so that the real
// world of the tests can build it from the module proxy.
package compose

import _ "github.com/docker/compose/v2/cmd"
