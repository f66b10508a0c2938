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
	@if [ -f .env ] || env | grep -E '^PIN_EXPORTER_' | grep -qvE '^PIN_EXPORTER_(WEB|LOG)_' \
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
test-core: $(VENV)/dev ## Run the tests without end-to-end ones and coverage
	$(BIN)/python -m pytest --ignore=tests/e2e $(ARGS)

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

.PHONY: mutants
mutants: $(VENV)/dev ## See that the tests of dashboard and rules catch mistakes
	$(BIN)/python -m dev.mutants $(ARGS)

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

.PHONY: lock
lock: $(VENV)/dev ## Make the locks anew from pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--upgrade pyproject.toml --output-file requirements/run.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--upgrade pyproject.toml --group dev --constraint requirements/run.txt --output-file requirements/dev.txt

.PHONY: clean
clean: ## Remove what the targets made
	rm -rf $(VENV) .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist

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
