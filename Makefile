# What people and the CI run. `make` alone lists it.

GO      ?= go
SHELL   := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# The one list of build tags for OpenCV: lensbus's own, and which modules gocv compiles.
OPENCV_TAGS := opencv,gocv_specific_modules,gocv_videoio,gocv_highgui

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
# Stamping is done by VERSION: go's own fails where git distrusts the folder's owner.
BUILD   := -buildvcs=false -trimpath -ldflags "-X main.version=$(VERSION)"

GOTESTFLAGS ?=

TEST     := -buildvcs=false -timeout 20m $(GOTESTFLAGS)
# Packages whose tests start servers, processes and browsers. OpenCV changes none of their code.
ONCE     := broker bus publisher publisher/source publisher/source/worker recorder recorder/index recorder/segment seal test/clock test/e2e test/nemesis viewer/web
# Packages whose tests watch the age of pictures, which a busy machine makes old: one at a time.
ALONE    := bus test/e2e viewer/web viewer/window
EMPTY    :=
SPACE    := $(EMPTY) $(EMPTY)
either    = /($(subst $(SPACE),|,$(1)))$$
FUZZTIME ?= 20s
BENCH    ?= .
BENCHTIME ?= 1s
ARGS     ?=
SOAK_DURATION ?= 5m
SOAK_CAMERAS ?= 4
SOAK_RECORDER_KILLS ?= 50
SOAK_BROKER_KILLS ?= 10

# Footage for the tests that want real pictures: a file beside the checkout where there is one;
# without it they take what a dependency ships.
FOOTAGE ?= $(abspath $(wildcard ../shared/data/vtest.avi))
ifneq ($(FOOTAGE),)
export LENSBUS_TEST_FOOTAGE ?= $(FOOTAGE)
endif

# What is built and installed, and where the Debian package goes.
BIN ?= bin/lensbus
DEB ?= .build/deb
# Man pages and completions, which the program writes.
MANUAL = $(BIN)-manual

# Asked when a recipe runs, because deps may just have installed it.
HAVE_OPENCV = pkg-config --exists opencv4 2>/dev/null && command -v g++ >/dev/null

##@ Use
.PHONY: run
run: ## Install what is missing, build, and start the demo (ARGS="up -c FILE" for another command)
	@.ci/deps build || echo "deps: going on without OpenCV"
	@$(MAKE) --no-print-directory build
	@exec $(BIN) $(or $(ARGS),up)

.PHONY: build
build: ## Build bin/lensbus, with OpenCV where its development package is
	@mkdir -p $(dir $(BIN))
	@if $(HAVE_OPENCV); then \
		echo "building $(BIN) $(VERSION) with OpenCV $$(pkg-config --modversion opencv4) (the first time takes a minute)"; \
		CGO_ENABLED=1 $(GO) build $(BUILD) -tags $(OPENCV_TAGS) -o $(BIN) .; \
	else \
		echo "building $(BIN) $(VERSION) without OpenCV: no v4l2:, file:, rtsp: and opencv: sources, no window (make deps installs it)"; \
		CGO_ENABLED=0 $(GO) build $(BUILD) -o $(BIN) .; \
	fi
	@rm -rf $(MANUAL); $(BIN) manual --dir $(MANUAL) && gzip -9n $(MANUAL)/*.1 || \
		echo "no man pages and completions, and so nothing to install: $(BIN) does not run here" >&2

.PHONY: deps
deps: ## Install OpenCV's development package and a C++ compiler where they are missing
	@.ci/deps build

.PHONY: clean
clean: ## Remove what was built
	rm -rf bin .build

##@ Install
prefix  ?= /usr/local
DESTDIR ?=
# Where zsh looks by itself; Debian's looks in vendor-completions for what comes by packages.
zshdir  ?= $(prefix)/share/zsh/site-functions
INSTALLED := $(DESTDIR)$(prefix)
# Where systemd looks by itself: below /usr, and below /usr/local for any other prefix.
systemdlib ?= $(if $(filter /usr,$(prefix:%/=%)),/usr,/usr/local)/lib

# It copies what build has made and makes nothing: as root, no compiler runs and nothing here changes owner.
.PHONY: install
install: ## Install what build has made: program, man pages, completions, systemd's units and their files (prefix, DESTDIR)
	@for made in $(BIN) $(MANUAL)/lensbus.1.gz $(MANUAL)/_lensbus; do \
		[ -e "$$made" ] || { echo "make install: there is no $$made here: run make build first, not as root" >&2; exit 1; }; \
	done
	install -D -m 0755 $(BIN) $(INSTALLED)/bin/lensbus
	install -D -m 0644 -t $(INSTALLED)/share/man/man1 $(MANUAL)/*.1.gz
	install -D -m 0644 $(MANUAL)/lensbus.bash $(INSTALLED)/share/bash-completion/completions/lensbus
	install -D -m 0644 $(MANUAL)/_lensbus $(DESTDIR)$(zshdir)/_lensbus
	install -D -m 0644 $(MANUAL)/lensbus.fish $(INSTALLED)/share/fish/vendor_completions.d/lensbus.fish
	install -d $(DESTDIR)$(systemdlib)/systemd/system
	for unit in packaging/systemd/*.service; do \
		to=$(DESTDIR)$(systemdlib)/systemd/system/$${unit##*/}; \
		sed 's|/usr/bin/|$(prefix)/bin/|' $$unit >$$to && chmod 0644 $$to; \
	done
	install -D -m 0644 packaging/systemd/lensbus.sysusers $(DESTDIR)$(systemdlib)/sysusers.d/lensbus.conf
	install -D -m 0644 packaging/systemd/lensbus.tmpfiles $(DESTDIR)$(systemdlib)/tmpfiles.d/lensbus.conf
	for file in $$(find configs -type f -not -path 'configs/compose/*'); do \
		install -D -m 0644 $$file $(INSTALLED)/share/doc/lensbus/examples/$${file#configs/}; \
	done
	for file in $$(find docs -type f -not -name '*.go'); do \
		install -D -m 0644 $$file $(INSTALLED)/share/doc/lensbus/$${file#docs/}; \
	done
	install -d $(DESTDIR)/etc/lensbus/cameras
	for file in packaging/etc/*.yaml packaging/etc/cameras/*.yaml; do \
		to=$(DESTDIR)/etc/lensbus/$${file#packaging/etc/}; \
		[ -e $$to ] || { sed 's|/usr/share/|$(prefix)/share/|g' $$file >$$to && chmod 0644 $$to; }; \
	done
	@$(if $(DESTDIR),true,$(MAKE) --no-print-directory known)

# Users, their folders and units, once they are where they belong.
.PHONY: known
known:
	@if [ -d /run/systemd/system ] && [ "$$(id -u)" = 0 ]; then set -x; \
		systemd-sysusers $(systemdlib)/sysusers.d/lensbus.conf; \
		systemd-tmpfiles --create $(systemdlib)/tmpfiles.d/lensbus.conf; \
		systemctl daemon-reload; \
	else \
		echo "Where systemd runs, as root: systemd-sysusers && systemd-tmpfiles --create lensbus.conf && systemctl daemon-reload"; \
	fi
	@echo "Nothing is started. What to do next: docs/guide/install.md"

.PHONY: uninstall
uninstall: ## Take away what install has put there, but /etc/lensbus, recordings, keys and users
	rm -f $(INSTALLED)/bin/lensbus $(INSTALLED)/share/man/man1/lensbus.1.gz $(INSTALLED)/share/man/man1/lensbus-*.1.gz \
		$(INSTALLED)/share/bash-completion/completions/lensbus $(DESTDIR)$(zshdir)/_lensbus \
		$(INSTALLED)/share/fish/vendor_completions.d/lensbus.fish \
		$(DESTDIR)$(systemdlib)/sysusers.d/lensbus.conf $(DESTDIR)$(systemdlib)/tmpfiles.d/lensbus.conf
	for unit in packaging/systemd/*.service; do rm -f $(DESTDIR)$(systemdlib)/systemd/system/$${unit##*/}; done
	rm -rf $(INSTALLED)/share/doc/lensbus
	@if [ -z "$(DESTDIR)" ] && [ -d /run/systemd/system ] && [ "$$(id -u)" = 0 ]; then systemctl daemon-reload; fi

.PHONY: deb
deb: build ## A Debian package in .build/deb
	rm -rf $(DEB)
	BIN=$(BIN) packaging/deb/build $(VERSION) $(DEB)
	@if command -v lintian >/dev/null; then lintian --fail-on error,warning $(DEB)/*_$$(dpkg --print-architecture).deb; else echo "NOT CHECKED: the package, because there is no lintian here" >&2; fi

##@ Check
.PHONY: test
test: ## All tests, without OpenCV and with it (race detector); installs what they need
	@.ci/deps test || echo "deps: going on without"
	@command -v ffmpeg >/dev/null && command -v ffprobe >/dev/null || echo "NOT TESTED: whether other programs play recordings and exports, --format h264, and video files: ffmpeg is missing here, and those tests skip" >&2
	CGO_ENABLED=0 $(GO) build -buildvcs=false ./...
	CGO_ENABLED=0 $(GO) vet ./...
	@if $(HAVE_OPENCV); then \
		echo "NOT RUN twice, because they take minutes: $(ONCE); they run below, with OpenCV and the race detector"; \
		failed=0; set -x; \
		CGO_ENABLED=0 $(GO) test $(TEST) -p 1 $$($(GO) list -buildvcs=false ./... | grep -vE '$(call either,$(ONCE))') || failed=1; \
		$(MAKE) --no-print-directory test-opencv || failed=1; \
		exit $$failed; \
	else \
		(set -x; CGO_ENABLED=0 $(GO) test $(TEST) -p 1 ./...); \
		echo "NOT TESTED: everything that needs OpenCV, which is missing here; make deps says more" >&2; \
	fi

.PHONY: test-opencv
test-opencv:
	CGO_ENABLED=1 $(GO) vet -tags $(OPENCV_TAGS) ./...
	all=$$($(GO) list -buildvcs=false -tags $(OPENCV_TAGS) ./...); failed=0; set -x; \
	CGO_ENABLED=1 $(GO) test $(TEST) -p 2 -race -tags $(OPENCV_TAGS) $$(grep -vE '$(call either,$(ALONE))' <<<"$$all") || failed=1; \
	CGO_ENABLED=1 $(GO) test $(TEST) -p 1 -race -tags $(OPENCV_TAGS) $$(grep -E '$(call either,$(ALONE))' <<<"$$all") || failed=1; \
	exit $$failed

.PHONY: test-v4l2
test-v4l2: ## Real V4L2 drivers, in a virtual machine that it boots
	@OPENCV_TAGS=$(OPENCV_TAGS) test/v4l2/run

.PHONY: test-compose
test-compose: ## Images and compose files, with the docker on this machine
	@test/compose/run

.PHONY: test-systemd
test-systemd: ## The Debian package and its units, with a systemd in a container
	@test/systemd/run

.PHONY: test-hosts
test-hosts: ## Several hosts on one machine, and what goes wrong between them (root; 14 min, HOSTS_SHORT=1: 5)
	@test/hosts/run

.PHONY: test-cluster
test-cluster: ## Three NATS servers, a site and its hub, and what goes wrong between them, with figures (12 min)
	LENSBUS_CLUSTER_LONG=1 CGO_ENABLED=0 $(GO) test -buildvcs=false -count 1 -v -parallel 1 -timeout 40m $(GOTESTFLAGS) ./test/cluster

.PHONY: lint
lint: ## Format, vet and staticcheck, without OpenCV and with it
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "not formatted (gofmt -w):" $$unformatted >&2; exit 1; fi
	CGO_ENABLED=0 $(GO) vet ./...
	CGO_ENABLED=0 $(GO) tool -modfile=tools/go.mod staticcheck ./...
	@if $(HAVE_OPENCV); then set -x; \
		CGO_ENABLED=1 $(GO) vet -tags $(OPENCV_TAGS) ./...; \
		CGO_ENABLED=1 $(GO) tool -modfile=tools/go.mod staticcheck -tags $(OPENCV_TAGS) ./...; \
	fi

.PHONY: lint-kubernetes
lint-kubernetes: ## The manifests in configs/kubernetes, against the types of Kubernetes
	cd tools/kubernetes && $(GO) vet . && CGO_ENABLED=0 $(GO) test -buildvcs=false . && $(GO) run -buildvcs=false . ../../configs/kubernetes ../../configs/kubernetes/nats/provision.yaml

GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.1.4

.PHONY: audit
audit: ## Licences of what is built in, and its known vulnerabilities where their database can be reached
	@mkdir -p .build
	cd tools && $(GO) build -buildvcs=false -o ../.build/licences ./licences
	.build/licences
	@GOBIN=$(CURDIR)/.build $(GO) install $(GOVULNCHECK) >.build/vulnerabilities 2>&1 && \
	{ .build/govulncheck ./... >.build/vulnerabilities 2>&1; code=$$?; [ $$code = 0 ] || [ $$code = 3 ]; } || \
	{ echo "NOT CHECKED: known vulnerabilities: $$(tail -n 1 .build/vulnerabilities)" >&2; exit 0; }; \
	cat .build/vulnerabilities; exit $${code:-0}

.PHONY: fuzz
fuzz: ## Every fuzz target for FUZZTIME (20s) each
	@for file in $$(grep -rl --include='*_test.go' '^func Fuzz' .); do \
		for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' $$file); do \
			echo "== $$(dirname $$file) $$target"; \
			CGO_ENABLED=0 $(GO) test -buildvcs=false -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$(dirname $$file); \
		done; \
	done

# Times, sizes and who is hit how often: test/nemesis/lossless_test.go has all SOAK_ variables.
.PHONY: soak
soak: ## Recording under kill -9: SOAK_DURATION (5m), SOAK_CAMERAS, SOAK_RECORDER_KILLS, SOAK_BROKER_KILLS; NEMESIS_SEED repeats one
	SOAK_DURATION=$(SOAK_DURATION) SOAK_CAMERAS=$(SOAK_CAMERAS) SOAK_RECORDER_KILLS=$(SOAK_RECORDER_KILLS) SOAK_BROKER_KILLS=$(SOAK_BROKER_KILLS) \
		CGO_ENABLED=0 $(GO) test -buildvcs=false -count 1 -v -timeout 24h -run '^TestSoak$$' $(GOTESTFLAGS) ./test/nemesis

SCALE ?=

.PHONY: scale
scale: ## What 8, 16, 32 and 64 cameras cost each role; SCALE="-cameras 8 -watch every" for less (-help says more)
	@CGO_ENABLED=0 $(GO) run -buildvcs=false ./test/scale $(SCALE)

.PHONY: bench
bench: ## Benchmarks with allocations (BENCH=REGEXP, BENCHTIME=1s)
	@tags=; export CGO_ENABLED=0; if $(HAVE_OPENCV); then tags="-tags $(OPENCV_TAGS)"; CGO_ENABLED=1; fi; \
	$(GO) test -buildvcs=false $$tags -run '^$$' -bench '$(BENCH)' -benchtime $(BENCHTIME) -benchmem -timeout 30m \
		$$(grep -rl --include='*_test.go' '^func Benchmark' . | xargs -n1 dirname | sort -u)

.PHONY: help
help: ## This list
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@/ { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z0-9-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
