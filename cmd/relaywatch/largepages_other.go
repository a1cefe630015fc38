//go:build !linux

package main

// largePages does nothing: only Linux gives large pages to whom asks for them.
func largePages(int) {}
