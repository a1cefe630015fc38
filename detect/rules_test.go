package detect_test

import (
	"testing"

	"relaywatch/detect"
	"relaywatch/rules"
)

func shipped(t testing.TB) []*detect.Rule {
	t.Helper()
	list, err := detect.LoadRules(rules.Files)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestShippedRules(t *testing.T) {
	for _, result := range detect.RunTests(shipped(t)) {
		t.Run(result.Rule+"/"+result.Case, func(t *testing.T) {
			if result.Err != nil {
				t.Error(result.Err)
			}
		})
	}
}
