# relaywatch: `make demo` shows it at work, `make test` runs every test.
# go-sqlite3 is compiled from C: a C compiler is needed.
GO ?= go
export CGO_ENABLED := 1

# One set of build flags for everything, or sqlite is compiled again for each.
FLAGS := -trimpath

.PHONY: build demo test check fmt fuzz bench samples

build:
	$(GO) build $(FLAGS) -o relaywatch ./cmd/relaywatch

# The samples into a fresh store, the suspects, and the proof for the worst of them.
demo: build
	@rm -f demo.db demo.db-wal demo.db-shm
	@echo '$$ relaywatch ingest'
	@./relaywatch --config samples/relaywatch.yaml --db demo.db ingest
	@echo
	@echo '$$ relaywatch suspects'
	@./relaywatch --config samples/relaywatch.yaml --db demo.db suspects
	@echo
	@echo '$$ relaywatch explain'
	@./relaywatch --config samples/relaywatch.yaml --db demo.db explain
	@echo
	@echo 'The store is demo.db, an SQLite file. Try next:'
	@echo "  ./relaywatch --config samples/relaywatch.yaml --db demo.db explain 'user:corp\\d.mercer'"
	@echo '  ./relaywatch --db demo.db query "SELECT * FROM v_hourly ORDER BY recipients DESC LIMIT 10"'
	@echo '  ./relaywatch ingest YOUR-LOG-FOLDER && ./relaywatch suspects'

test:
	$(GO) test -race -timeout 40m $(FLAGS) ./...

check:
	@test -z "$$($(GO) tool gofumpt -l . | tee /dev/stderr)" || { echo 'run make fmt'; exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	$(GO) run $(FLAGS) ./cmd/relaywatch rules test

fmt:
	$(GO) tool gofumpt -w .

# Each fuzz target for a minute. Minimising is bounded: it would eat the minute.
fuzz:
	@for target in $$(grep -rhoE '^func Fuzz[A-Za-z]+' --include=*_test.go . | sed 's/func //'); do \
		dir=$$(grep -rlE "^func $$target\(" --include=*_test.go . | head -1 | xargs dirname); \
		echo "+ $$target in $$dir"; \
		$(GO) test $(FLAGS) -run '^$$' -fuzz "^$$target$$" -fuzztime 1m -fuzzminimizetime 10x "$$dir" || exit 1; \
	done

# A log of a million rows: the whole job beside a bare program that parses the same
# rows and inserts the same recipients; then the parts, and the agent at work and at rest.
bench: build build/bench.log
	$(GO) build $(FLAGS) -o build/bare ./samples/bare
	$(GO) run ./samples/bench -bare build/bare -log build/bench.log
	$(GO) test $(FLAGS) -run '^$$' -bench . -benchmem ./ingest ./detect ./store
	$(GO) test $(FLAGS) -run '^$$' -bench 'BenchmarkAgent|BenchmarkQueries' -benchtime 1x ./cmd/relaywatch

# The same job beside what people would use instead; and one store as it grows, a
# quarter of an hour for 100 million recipients.
.PHONY: bench-peers bench-curve
bench-peers: build build/bench.log
	samples/bench/peers/install build/peers
	$(GO) run ./samples/bench -peers build/peers -log build/bench.log

bench-curve: build build/bench.log
	$(GO) run ./samples/bench -curve 100 -log build/bench.log

# How well it detects: worlds whose truth is known, beside simple rules that are used
# elsewhere, and whether the goals are met. Some minutes on two cores. Logs go to
# memory where that is possible: it is thousands of files.
.PHONY: evaluate
evaluate:
	$(GO) build $(FLAGS) -o build/evaluate ./samples/evaluate
	TMPDIR=$$(test -w /dev/shm && echo /dev/shm || echo $${TMPDIR:-/tmp}) build/evaluate

build/bench.log:
	$(GO) run ./samples/traffic/maketraffic --scenario bench --rows 1000000 --out build >/dev/null

# The program for Windows, by mingw-w64, as SQLite is C. VERSION is that of a release.
.PHONY: windows
windows:
	CGO_ENABLED=1 GOOS=windows GOARCH=amd64 CC=x86_64-w64-mingw32-gcc $(GO) build $(FLAGS) \
		$(if $(VERSION),-ldflags '-X main.release=$(VERSION)') -o build/relaywatch.exe ./cmd/relaywatch
