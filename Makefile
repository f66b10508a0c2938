# Each target installs what it needs, once.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

# The first Python 3.11+ that is found. Choose another: make test PYTHON=python3.13
PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11,$(shell \
	$(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(name))))
VENV := .venv
BIN := $(VENV)/bin
PIP := python -m pip install --quiet --disable-pip-version-check
SOURCES := pin_exporter tests dev

# Tools that Go builds. Both Helms use the same Kubernetes libraries, so that Go compiles those only once.
TOOLS := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/pin-exporter
HELM := $(TOOLS)/helm-v4.3.0/helm
HELMS := $(TOOLS)/helm-v3.22.0/helm $(HELM)
OPERATORS := $(TOOLS)/prometheus-operator-v0.60.1 $(TOOLS)/prometheus-operator-v0.85.0
COMPOSE := $(TOOLS)/compose-go-v2.16.2/cmd
ACTIONLINT := $(TOOLS)/actionlint-v1.7.12/actionlint
KUBERNETES := $(shell sed -n 's|^\tk8s.io/kubernetes \(v[^ ]*\).*|\1|p' dev/cluster/go.mod)
CONTROL_PLANE := $(TOOLS)/kubernetes-$(KUBERNETES)
VMAGENT := $(TOOLS)/vmagent-v1.148.9/vmagent
TELEGRAF := $(TOOLS)/telegraf-v1.37.2/telegraf
OTELCOL := $(TOOLS)/otelcol-$(shell sed -n 's|^\t.*/prometheusreceiver \(v.*\)|\1|p' dev/collectors/go.mod)/otelcol

##@ Use

.PHONY: help
help: ## Show this help
	@awk -F ':.*## ' '/^##@/ {printf "\n%s:\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' \
		$(MAKEFILE_LIST)

.PHONY: run
run: $(VENV)/run ## Run the exporter: on your account if one is configured, else on the simulator
	@exec $(BIN)/python -m pin_exporter serve --or-demo $(ARGS)

# What the image says about itself. The time is the commit's, so that the same commit gives the same image.
ENGINE ?= docker
IMAGE ?= pin-exporter
VERSION = $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' pin_exporter/__init__.py)
SOURCE = $(shell sed -n 's/^Repository = "\(.*\)"/\1/p' pyproject.toml)
REVISION = $(or $(shell git rev-parse HEAD 2>/dev/null),unknown)
EPOCH = $(or $(shell git log -1 --format=%ct 2>/dev/null),0)
CREATED = $(or $(shell TZ=UTC git log -1 --format=%cd --date=format-local:%Y-%m-%dT%H:%M:%SZ 2>/dev/null),unknown)

.PHONY: image
image: ## Build the container image; ENGINE=podman for Podman
	$(ENGINE) build --tag $(IMAGE) --build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION) \
		--build-arg SOURCE=$(SOURCE) --build-arg SOURCE_DATE_EPOCH=$(EPOCH) \
		--build-arg CREATED=$(CREATED) $(ARGS) .

##@ Test

# Most tests wait for processes and timers: more workers than cores.
JOBS ?= $(shell echo $$(( 2 * $$(nproc 2>/dev/null || echo 2) )))
PYTEST = pytest --numprocesses=$(JOBS) --dist=worksteal
# Tests of the package only, which need no other programs.
CORE := -m "not slow" tests --ignore=tests/chart --ignore=tests/cluster --ignore=tests/e2e --ignore=tests/fuzz \
	--ignore=tests/grafana --ignore=tests/image

.PHONY: test
test: $(VENV)/dev ## Run the tests (about 4 minutes); ARGS="-k walk" selects some
	$(BIN)/python -m $(PYTEST) -m "not slow and not image and not cluster" $(ARGS)

.PHONY: test-all
test-all: lint test test-slow collector-test test-lowest coverage image-test ## Run all tests (about 20 minutes); CONTRIBUTING.md lists what they need

.PHONY: test-slow
test-slow: $(VENV)/dev chart-tools collector-tools compose-tools render ## Run the slow tests: chart, compose, dashboard over time, long proofs
	$(BIN)/python -m $(PYTEST) -m "slow and not collector" $(ARGS)

.PHONY: test-core
test-core: $(VENV)/dev ## Run the tests of the package only
	$(BIN)/python -m $(PYTEST) $(CORE) $(ARGS)

.PHONY: test-lowest
test-lowest: .venv-lowest/ready ## Run the tests of the package with the oldest allowed dependencies
	.venv-lowest/bin/python -m $(PYTEST) $(CORE) --ignore=tests/docs $(ARGS)

.PHONY: coverage
coverage: $(VENV)/dev ## Check the branch coverage of the tests of the package
	$(BIN)/coverage erase
	$(BIN)/coverage run -m $(PYTEST) $(CORE)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

.PHONY: image-test
image-test: $(VENV)/dev ## Build and run the image without a registry; needs root, buildah, runc, podman, mmdebstrap
	$(BIN)/python -m pytest -m image tests/image $(ARGS)

.PHONY: collector-test
collector-test: $(VENV)/dev $(VMAGENT) $(TELEGRAF) $(OTELCOL) ## Test the collectors of docs/collectors.md; builds them with Go, 10 minutes of CPU
	$(BIN)/python -m pytest -m collector tests/docs/test_collectors.py $(ARGS)

.PHONY: cluster-test
cluster-test: $(VENV)/dev ## Install the chart in a Kubernetes control plane; needs cluster-tools and etcd
	$(BIN)/python -m pytest -m cluster tests/cluster $(ARGS)

.PHONY: mutants
mutants: $(VENV)/dev ## Check that the tests of dashboard and rules catch mistakes
	$(BIN)/python -m dev.mutants $(ARGS)

.PHONY: mutants-core
mutants-core: $(VENV)/dev ## Check that the tests of the package's core catch generated mistakes
	$(BIN)/python -m dev.mutants.core $(ARGS)

SECONDS ?= 600

.PHONY: fuzz
fuzz: $(VENV)/dev ## Feed generated files and responses to the parsers for ten minutes, or SECONDS
	$(BIN)/python -m tests.fuzz --seconds=$(SECONDS) $(ARGS)

.PHONY: bench
bench: $(VENV)/dev ## Measure speed and memory
	$(BIN)/python -m tests.bench $(ARGS)

##@ Develop

.PHONY: lint
lint: $(VENV)/dev ## Check style and types
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy

.PHONY: format
format: $(VENV)/dev ## Format the code
	$(BIN)/ruff check --fix-only $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

.PHONY: grafana
grafana: $(VENV)/dev ## Generate the dashboard and the alert rules
	$(BIN)/python -m dev.grafana

.PHONY: settings
settings: $(VENV)/dev ## Generate the tables, the example and the JSON schema of the settings
	$(BIN)/python -m dev.settings

.PHONY: metrics
metrics: $(VENV)/dev ## Generate the tables of docs/metrics.md and the exposition that tests expect
	$(BIN)/python -m dev.metrics
	$(BIN)/python -m tests.metrics.golden

.PHONY: chart
chart: $(VENV)/dev ## Generate the chart's metadata, schema, README tables and copies
	$(BIN)/python -m dev.chart

.PHONY: picture
picture: dev/render/node_modules/.package-lock.json ## Draw the dashboard's picture from PROMETHEUS=http://…
	$(PICTURE) --output grafana/dashboard.png
	$(PICTURE) --rows 2 --height 770 --output grafana/dashboard-top.png
PICTURE = node dev/render/picture.mjs --dashboard grafana/dashboard.json --prometheus $(PROMETHEUS) \
	--var price=4 --from now-1h --to now --width 1400 --theme dark

.PHONY: lock
lock: $(VENV)/dev ## Update the locks from pyproject.toml
	$(LOCK) --upgrade pyproject.toml --output-file requirements/run.txt
	$(LOCK) --upgrade --group build --output-file requirements/build.txt
	$(LOCK) --upgrade pyproject.toml --group dev --constraint requirements/run.txt \
		--constraint requirements/build.txt --output-file requirements/dev.txt
	$(LOCK) --upgrade --resolution lowest-direct pyproject.toml --group build --group test \
		--output-file requirements/lowest.txt
LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url

.PHONY: clean
clean: ## Remove everything that make installed or built
	rm -rf $(VENV) .venv-lowest .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist dev/render/node_modules

##@ Release

.PHONY: package
package: $(VENV)/dev ## Build the Python package
	$(BIN)/python -m hatchling build

.PHONY: chart-package
chart-package: $(VENV)/dev $(HELM) ## Pack the chart into dist/, reproducibly
	mkdir -p dist
	$(BIN)/python -m dev.chart.package $(HELM) dist $(or $(SOURCE_DATE_EPOCH),$(EPOCH))

.PHONY: release-notes
release-notes: $(VENV)/dev ## Check that TAG=vX.Y.Z can be released; write dist/notes.md
	mkdir -p dist
	$(BIN)/python -m dev.release "$(TAG)" > dist/notes.md

.PHONY: workflows-lint
workflows-lint: $(VENV)/dev $(ACTIONLINT) ## Check the GitHub workflows, offline; needs Go
	$(ACTIONLINT) .github/workflows/*.yml
	$(BIN)/zizmor --offline --quiet --persona=pedantic .github
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.dependabot .github/dependabot.yml

##@ Tools of the tests

.PHONY: chart-tools
chart-tools: $(HELMS) $(OPERATORS) ## Build both Helms and fetch the Prometheus operator's CRDs; needs Go

.PHONY: compose-tools
compose-tools: $(COMPOSE) ## Build the part of Docker Compose that reads compose.yaml; needs Go

.PHONY: collector-tools
collector-tools: $(VMAGENT) ## Build vmagent, the collector that test-slow tests; needs Go

.PHONY: cluster-tools
cluster-tools: chart-tools $(CONTROL_PLANE) ## Build a Kubernetes control plane; needs Go and 16 minutes of CPU

.PHONY: render
render: dev/render/node_modules/.package-lock.json ## Install Grafana's published components; needs npm

dev/render/node_modules/.package-lock.json: dev/render/package-lock.json
	npm ci --silent --prefix dev/render
	@touch $@

$(TOOLS)/helm-%/helm:
	CGO_ENABLED=0 GOBIN=$(@D) go install helm.sh/helm/$(firstword $(subst ., ,$*))/cmd/helm@$*

# The CRDs come with the source of the operator's module.
$(TOOLS)/prometheus-operator-%:
	mkdir -p $@.new
	install -m 644 "$$(go mod download -json github.com/prometheus-operator/prometheus-operator@$* \
		| sed -n 's/^\t"Dir": "\(.*\)",$$/\1/p')"/example/prometheus-operator-crd/*.yaml $@.new
	mv $@.new $@

$(TOOLS)/compose-go-%/cmd:
	CGO_ENABLED=0 GOBIN=$(@D) go install github.com/compose-spec/compose-go/v2/cmd@$*

$(TOOLS)/actionlint-%/actionlint:
	GOBIN=$(@D) go install github.com/rhysd/actionlint/cmd/actionlint@$*

$(TOOLS)/vmagent-%/vmagent:
	CGO_ENABLED=0 GOBIN=$(@D) go install github.com/VictoriaMetrics/VictoriaMetrics/app/vmagent@$*

# Telegraf's tags leave out what the tests do not use.
$(TOOLS)/telegraf-%/telegraf:
	CGO_ENABLED=0 GOBIN=$(@D) go install -tags custom,inputs.prometheus,outputs.file,parsers.prometheus,serializers.json \
		github.com/influxdata/telegraf/cmd/telegraf@$*

$(OTELCOL):
	CGO_ENABLED=0 go -C dev/collectors build -tags remove_all_sd -trimpath -ldflags="-s -w" -o $@

$(CONTROL_PLANE):
	CGO_ENABLED=0 GOBIN=$@.new go -C dev/cluster install -trimpath \
		-ldflags="-s -w -X k8s.io/component-base/version.gitVersion=$(KUBERNETES)" tool
	mv $@.new $@

$(VENV)/python:
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11+ found; name one: make PYTHON=/usr/bin/python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/run: $(VENV)/python requirements/run.txt
	$(BIN)/$(PIP) --require-hashes -r requirements/run.txt
	@touch $@

$(VENV)/dev: $(VENV)/run requirements/dev.txt pyproject.toml
	$(BIN)/$(PIP) --require-hashes -r requirements/dev.txt
	$(BIN)/$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

.venv-lowest/ready: requirements/lowest.txt
	$(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/$(PIP) --require-hashes -r $<
	.venv-lowest/bin/$(PIP) --no-deps --no-build-isolation .
	@touch $@
