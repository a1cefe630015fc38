// Package rules holds the shipped rules, one YAML file each with its tests
// inside. It knows nothing of them but their text: detect.LoadRules reads them.
package rules

import "embed"

// Files are the shipped rule files.
//
//go:embed *.yaml
var Files embed.FS
