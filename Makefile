# Two commands for a newcomer, `make quickstart` and `make test`; the rest is for developers.
# They need Python 3.11 or newer and a C/C++ compiler; everything else comes from PyPI.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null || echo $(BIN)/uv)
INPUTS := pyproject.toml $(wildcard plugins/*/pyproject.toml)

# uv does not read pip's settings: folders of wheels that pip would look in are passed on.
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)

.PHONY: setup quickstart test check format clean help

help: ## show these targets
	@grep -E '^[a-z]+:.*##' Makefile | sed 's/:.*## /\t/' | expand -t 14

setup: $(BIN)/.ready ## leave a usable .venv/bin/crossbench

$(BIN)/.ready: $(INPUTS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "crossbench needs Python 3.11 or newer; name one with: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	test -x "$(UV)" || $(BIN)/python -m pip install --quiet uv
	"$(UV)" pip install --quiet --python $(BIN)/python -e . $(addprefix -e ,$(wildcard plugins/*)) --group dev
	touch $@

quickstart: setup ## measure llama.cpp on the tiny model and write a report
	$(BIN)/crossbench run suites/quickstart.toml

check: setup ## lint, types, and the tests that need no engine (under a minute)
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --quiet --check
	$(BIN)/mypy
	$(BIN)/pytest -q -m "not engine" --durations=5

test: setup ## everything: the fast checks, then the real engines in freshly built environments
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --quiet --check
	$(BIN)/mypy
	CROSSBENCH_ENVS="$$(mktemp -d)" bash -c 'trap "rm -rf \"$$CROSSBENCH_ENVS\"" EXIT; \
	  $(BIN)/crossbench envs build llamacpp && CROSSBENCH_REQUIRE_ENGINES=1 $(BIN)/pytest --durations=10'

format: setup ## format the code
	$(BIN)/ruff check --fix --quiet
	$(BIN)/ruff format --quiet

clean: ## remove what setup and the tests made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis tests/output
