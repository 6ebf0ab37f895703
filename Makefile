# The two commands of the README are `make demo` and `make test`. Everything runs from .venv, made from requirements.lock.

SHELL := /bin/sh
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.14 python3; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

.PHONY: setup demo test unit integration lint long bench-quick messages lock clean

setup: $(VENV)/.made

$(VENV)/.made: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: install it, or name it with make PYTHON=..."; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

demo: setup
	@$(BIN)/qianbei demo $(ARGS)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

unit: setup
	$(BIN)/pytest tests/unit tests/property $(ARGS)

integration: setup
	$(BIN)/python -m tests.sharing tests/integration tests/fault $(ARGS)

test: lint
	$(BIN)/python -m tests.sharing $(ARGS)

# The full sizes of the long checks. Resumable: what is recorded for this commit in benchmarks/results is not run again.
long: setup
	$(BIN)/python -m tests.long $(ARGS)

bench-quick: setup
	$(BIN)/python -m benchmarks.quick $(ARGS)

# Bring the file of Chinese texts up to date, and list what has no Chinese yet.
messages: setup
	@$(BIN)/python -m tests.messages

# Resolve the pinned versions anew; hashes are enough, so no index address is written.
lock:
	$(BIN)/uv pip compile --universal --generate-hashes --no-header --extra dev --python-version 3.11 pyproject.toml --output-file requirements.lock

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
