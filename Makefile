# Each target sets up what it needs; once that is done, a repeated run starts at once.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

# The first Python from 3.11 on; another can be named: make test PYTHON=python3.13
PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11,$(shell \
	$(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(name))))
VENV := .venv
BIN := $(VENV)/bin
SOURCES := pin_exporter tests dev

.PHONY: help
help: ## Show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.PHONY: run
run: $(VENV)/run ## Run the exporter: on your accounts if anything is set (.env is read), else on the simulator
	@if { env; cat .env 2>/dev/null; } | sed -nE "s/^[[:space:]]*(export[[:space:]]+)?'?(PIN_EXPORTER_)/\2/p" \
			| grep -qvE '^PIN_EXPORTER_(WEB|LOG)_' \
		|| [ -n "$(findstring --config,$(ARGS))" ]; \
	then exec $(BIN)/python -m pin_exporter serve $(ARGS); \
	else exec $(BIN)/python -m pin_exporter demo $(ARGS); fi

.PHONY: test
test: $(VENV)/dev ## Run all tests, with coverage
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

.PHONY: test-core
test-core: $(VENV)/dev ## Run the tests of the package alone, without coverage, end-to-end ones and those that take long
	$(BIN)/python -m pytest --ignore=tests/e2e --ignore=tests/chart --ignore=tests/grafana \
		--ignore=tests/fuzz --ignore=tests/docs/test_compose.py --ignore=tests/polling/test_soak.py \
		--ignore=tests/inventory/test_walk_stateful.py $(ARGS)

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
grafana: $(VENV)/dev ## Make the dashboard and the alert rules anew
	$(BIN)/python -m dev.grafana

.PHONY: schema
schema: $(VENV)/dev ## Make the JSON Schema of the configuration file anew
	$(BIN)/python -m dev.schema

.PHONY: golden
golden: $(VENV)/dev ## Write the golden files of the metrics again; review the difference
	$(BIN)/python -m tests.metrics.golden

.PHONY: chart
chart: $(VENV)/dev ## Make the generated files of the Helm chart anew
	$(BIN)/python -m dev.chart

# Both Helms use the same libraries of Kubernetes, so that Go has to compile those only once.
TOOLS := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/pin-exporter
HELM := v4.3.0
HELMS := v3.22.0 $(HELM)
OPERATORS := v0.60.1 v0.85.0

.PHONY: chart-tools
chart-tools: $(HELMS:%=$(TOOLS)/helm-%/helm) $(OPERATORS:%=$(TOOLS)/prometheus-operator-%) ## Build what the chart's tests need, with Go

$(TOOLS)/helm-%/helm:
	CGO_ENABLED=0 GOBIN=$(@D) go install helm.sh/helm/$(firstword $(subst ., ,$*))/cmd/helm@$*

# The definitions of the Prometheus operator's kinds come with the source of its module.
$(TOOLS)/prometheus-operator-%:
	mkdir -p $@.new
	install -m 644 "$$(go mod download -json github.com/prometheus-operator/prometheus-operator@$* \
		| sed -n 's/^\t"Dir": "\(.*\)",$$/\1/p')"/example/prometheus-operator-crd/*.yaml $@.new
	mv $@.new $@

.PHONY: chart-package
chart-package: $(VENV)/dev $(TOOLS)/helm-$(HELM)/helm ## Pack the Helm chart into dist/, the same bytes for the same commit
	mkdir -p dist
	$(BIN)/python -m dev.chart.package $(TOOLS)/helm-$(HELM)/helm dist \
		$(or $(SOURCE_DATE_EPOCH),$(EPOCH))

KUBERNETES := $(shell sed -n 's|^\tk8s.io/kubernetes \(v[^ ]*\).*|\1|p' dev/cluster/go.mod)
CONTROL_PLANE := $(TOOLS)/kubernetes-$(KUBERNETES)

.PHONY: cluster-tools
cluster-tools: chart-tools $(CONTROL_PLANE) ## Build API server and controllers of Kubernetes, with Go and much time

$(CONTROL_PLANE):
	CGO_ENABLED=0 GOBIN=$@.new go -C dev/cluster install -trimpath \
		-ldflags="-s -w -X k8s.io/component-base/version.gitVersion=$(KUBERNETES)" tool
	mv $@.new $@

.PHONY: cluster-test
cluster-test: $(VENV)/dev ## Install the chart in a control plane of Kubernetes; needs cluster-tools and etcd-server
	$(BIN)/python -m pytest -m cluster tests/cluster $(ARGS)

.PHONY: mutants
mutants: $(VENV)/dev ## See that the tests of dashboard and rules catch mistakes
	$(BIN)/python -m dev.mutants $(ARGS)

COMPOSE_GO := v2.16.2

.PHONY: compose-tools
compose-tools: $(TOOLS)/compose-go-$(COMPOSE_GO)/cmd ## Build what the tests of compose.yaml need, with Go

# The part of Docker Compose that reads such files.
$(TOOLS)/compose-go-%/cmd:
	CGO_ENABLED=0 GOBIN=$(@D) go install github.com/compose-spec/compose-go/v2/cmd@$*

# What the image says about itself. The time is the commit's, so that the same commit gives the same image.
ENGINE ?= docker
IMAGE ?= pin-exporter
VERSION = $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' pin_exporter/__init__.py)
SOURCE = $(shell sed -n 's/^Repository = "\(.*\)"/\1/p' pyproject.toml)
REVISION = $(or $(shell git rev-parse HEAD 2>/dev/null),unknown)
EPOCH = $(or $(shell git log -1 --format=%ct 2>/dev/null),0)
CREATED = $(or $(shell TZ=UTC git log -1 --format=%cd --date=format-local:%Y-%m-%dT%H:%M:%SZ 2>/dev/null),unknown)

.PHONY: image
image: ## Build the container image with Docker, or with ENGINE=podman
	$(ENGINE) build --tag $(IMAGE) --build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION) \
		--build-arg SOURCE=$(SOURCE) --build-arg SOURCE_DATE_EPOCH=$(EPOCH) \
		--build-arg CREATED=$(CREATED) $(ARGS) .

.PHONY: image-test
image-test: $(VENV)/dev ## Build the image on a stand-in for its base and run it; needs root, buildah, runc, podman
	$(BIN)/python -m pytest -m image tests/image $(ARGS)

.PHONY: picture
picture: dev/render/node_modules/.package-lock.json ## Draw the picture anew from PROMETHEUS=http://…, which has scraped `make run`
	node dev/render/picture.mjs --dashboard grafana/dashboard.json --prometheus $(PROMETHEUS) \
		--var price=0.004 --from now-1h --to now --width 1400 --theme dark --output grafana/dashboard.png

# Grafana's own code, for who has Node.js: what tests and the picture look at the dashboard with.
.PHONY: render
render: dev/render/node_modules/.package-lock.json

dev/render/node_modules/.package-lock.json: dev/render/package-lock.json
	npm ci --silent --prefix dev/render
	@touch $@

.PHONY: bench
bench: $(VENV)/dev ## Measure speed and memory
	$(BIN)/python -m tests.bench $(ARGS)

.PHONY: soak
soak: $(VENV)/dev ## Run real processes for ten minutes under faults, and watch their memory
	$(BIN)/python -m tests.bench.soak $(ARGS)

SECONDS ?= 600

.PHONY: fuzz
fuzz: $(VENV)/dev ## Make up files and answers for ten minutes, or SECONDS, and see that no traceback comes of them
	$(BIN)/python -m tests.fuzz --seconds=$(SECONDS) $(ARGS)

ACTIONLINT := $(TOOLS)/actionlint-v1.7.12/actionlint

.PHONY: workflows-lint
workflows-lint: $(VENV)/dev $(ACTIONLINT) ## Check the workflows of GitHub, without asking GitHub
	$(ACTIONLINT) .github/workflows/*.yml
	$(BIN)/zizmor --offline --quiet --persona=pedantic .github
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.dependabot .github/dependabot.yml

$(TOOLS)/actionlint-%/actionlint:
	GOBIN=$(@D) go install github.com/rhysd/actionlint/cmd/actionlint@$*

.PHONY: package
package: $(VENV)/dev ## Build the package from which pip installs
	$(BIN)/python -m hatchling build

.PHONY: release-notes
release-notes: $(VENV)/dev ## Check that TAG, such as v1.2.3, can be released, and write dist/notes.md
	mkdir -p dist
	$(BIN)/python -m dev.release "$(TAG)" > dist/notes.md

.PHONY: lock
lock: $(VENV)/dev ## Make the locks anew from pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--upgrade pyproject.toml --output-file requirements/run.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--upgrade --group build --output-file requirements/build.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--upgrade pyproject.toml --group dev --constraint requirements/run.txt --constraint requirements/build.txt \
		--output-file requirements/dev.txt

.PHONY: clean
clean: ## Remove what the targets made
	rm -rf $(VENV) .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist dev/render/node_modules

$(VENV)/python:
	@test -n "$(PYTHON)" || { echo "make: no Python from 3.11 on was found; name one: make PYTHON=/usr/bin/python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/run: $(VENV)/python requirements/run.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt
	@touch $@

$(VENV)/dev: $(VENV)/run requirements/dev.txt pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
