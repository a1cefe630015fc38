package main

import "runtime/debug"

// release is set by the linker for a release build.
var release = ""

// version is the release, or the commit it was built from.
func version() string {
	if release != "" {
		return release
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return "development (" + s.Value[:12] + ")"
		}
	}
	return "development"
}
