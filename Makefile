# Two commands for a newcomer, `make quickstart` and `make test`; the rest is for developers.
# They need Python 3.11 or newer and a C/C++ compiler; everything else comes from PyPI.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
# Compiled tests are kept for the next time, also where the shell says otherwise.
export PYTHONDONTWRITEBYTECODE :=

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ENGINES := mlx vllm openai llamacpp
INPUTS := pyproject.toml $(wildcard plugins/*/pyproject.toml)

.PHONY: setup quickstart test check fuzz browser format clean help

help: ## show these targets
	@grep -E '^[a-z]+:.*##' Makefile | sed 's/:.*## /\t/' | expand -t 14

setup: $(BIN)/.ready ## leave a usable .venv/bin/crossbench

# pip makes it, with whatever indexes and certificates pip is set up for; uv comes as a dependency.
$(BIN)/.ready: $(INPUTS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "crossbench needs Python 3.11 or newer; name one: make PYTHON=python3.12 ..."; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || uv venv --seed --python $(PYTHON) $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "pip>=25.1"
	$(BIN)/python -m pip install --quiet -e . $(addprefix -e ,$(wildcard plugins/*)) --group dev
	touch $@

quickstart: setup ## measure three engines on the tiny model and write a report
	$(BIN)/crossbench run suites/quickstart.toml

check: setup ## lint, types, and the quick tests without engines (under a minute)
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --quiet --check
	$(BIN)/mypy
	HYPOTHESIS_PROFILE=brief $(BIN)/pytest -q -n 2 -m "not engine and not slow"

test: setup browser ## everything: lint, types, all tests, the real engines in freshly built environments
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --quiet --check
	$(BIN)/mypy
	CROSSBENCH_ENVS="$$(mktemp -d)" bash -c 'trap "rm -rf \"$$CROSSBENCH_ENVS\"" EXIT; \
	  for engine in $(ENGINES); do $(BIN)/crossbench envs build $$engine || exit 1; done && \
	  CROSSBENCH_REQUIRE_ENGINES=1 $(BIN)/pytest -n 2 --durations=15'

# Debian's Chromium, where this user may install it; without one the tests in a browser are skipped.
browser: ## a browser for the tests of report.html
	@command -v chromium chromium-browser google-chrome > /dev/null \
	  || { test "$$(id -u)" = 0 && command -v apt-get > /dev/null && apt-get update -qq \
	       && apt-get install -qq -y --no-install-recommends chromium fonts-dejavu-core > /dev/null; } \
	  || echo "No Chromium, and it cannot be installed here: the tests of report.html in a browser are skipped."

fuzz: setup ## the fuzz tests with 20,000 examples each, for by hand
	HYPOTHESIS_PROFILE=fuzz $(BIN)/pytest -n 2 -m fuzz --timeout 3600

format: setup ## format the code
	$(BIN)/ruff check --fix --quiet
	$(BIN)/ruff format --quiet

clean: ## remove what setup and the tests made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis tests/output
