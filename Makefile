# Everything runs in .venv, installed from lock files with hashes. `make demo` and `make test` need only
# Python 3.11 or newer, git and make.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo test lint bench chaos lock clean
demo: .venv/run.stamp
	$(BIN)/reconcile demo

test: lint
	$(BIN)/python -m pytest -n auto

lint: .venv/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/dev.stamp
	$(BIN)/python -m tests.bench

# Kill an apply at every boundary there is, and at 1,000 random instants; the tests take some of them.
chaos: .venv/dev.stamp
	CHAOS=1 $(BIN)/python -m pytest -q -s -n 0 tests/engine/test_kills.py tests/cli/test_random_kills.py

lock: .venv/dev.stamp
	$(PIP) uv
	$(BIN)/uv pip compile -q pyproject.toml --group build --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -o requirements/run.txt $(LOCKFLAGS)
	$(BIN)/uv pip compile -q pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -o requirements/dev.txt -c requirements/run.txt $(LOCKFLAGS)

clean:
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis

.venv/python.stamp:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "reconcile needs Python 3.11 or newer; say which with: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	touch $@

.venv/run.stamp: .venv/python.stamp requirements/run.txt pyproject.toml
	$(PIP) --require-hashes --only-binary :all: -r requirements/run.txt
	$(PIP) --no-deps --no-build-isolation --editable .
	touch $@

.venv/dev.stamp: .venv/run.stamp requirements/dev.txt
	$(PIP) --require-hashes --only-binary :all: -r requirements/dev.txt
	touch $@
