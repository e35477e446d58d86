//go:build !race

package fedbiomed

const raced = false
