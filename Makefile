# Everything runs in .venv, installed from lock files with hashes. `make demo` and `make test` need only
# Python 3.11 or newer, git and make.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

# A provider of another package, found by its entry point; the tests do without it where there is none.
EXAMPLE := $(if $(wildcard examples/provider/pyproject.toml),.venv/example.stamp)

# Half as many workers again as there are processors: many tests wait for processes, servers and browsers.
WORKERS := $(shell echo $$(( ($$(getconf _NPROCESSORS_ONLN) * 3 + 1) / 2 )))
TESTS := $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

# The tests start many processes, and each would compile all modules anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test quick lint bench bench-peers chaos mutants pictures site lock clean
demo: .venv/run.stamp
	$(BIN)/reconcile demo

test: lint .venv/docs.stamp .venv/azurite.stamp .venv/editor.stamp .venv/compliance.stamp .venv/browsers.stamp $(EXAMPLE)
	$(TESTS)

# The fast part: what the mark "slow" leaves out are searches, kills, servers and whole stories.
quick: .venv/dev.stamp
	$(TESTS) -m "not slow"

lint: .venv/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/dev.stamp
	$(BIN)/python -m tests.bench

# An unchanged plan beside Terraform and octoDNS, which have an environment of their own.
bench-peers: .venv/dev.stamp .venv/peers.stamp
	$(BIN)/python -m tests.bench.peers

# Kill an apply at every boundary there is and at 1,000 random instants, meet every call with every fault and every story
# with every distortion of the platform's answers; the tests take some of them.
chaos: .venv/dev.stamp
	CHAOS=1 $(BIN)/python -m pytest -q -s -n 0 tests/engine/test_kills.py tests/cli/test_random_kills.py
	CHAOS=1 $(BIN)/python -m pytest -q -n auto $$(grep -rl "from tests.budget import" tests)
	CHAOS=1 $(BIN)/python -m pytest -q -n 0 tests/providers/test_fuzz.py
	CHAOS=1 $(BIN)/python -m pytest -q -s -n 0 tests/doctor/test_scratch.py tests/doctor/test_doctor.py
	CHAOS=1 $(BIN)/python -m pytest -q -n auto tests/engine/test_distorted.py
	CHAOS=1 $(BIN)/python -m pytest -q -s -n 0 tests/engine/test_misread.py
	CHAOS=1 $(BIN)/python -m pytest -q -n auto tests/providers/audience/test_reader.py tests/engine/test_audience_files.py
	CHAOS=1 $(BIN)/python -m pytest -q -n 0 tests/fleet/test_temporal.py

# Change the pure core in every small way, and see whether a test of the planner notices. About an hour of CPU; with
# EVERY=10 one change in ten, with FIRST=1 the next ones; with LIMIT=600 for ten minutes.
EVERY ?= 1
FIRST ?= 0
LIMIT ?= inf
mutants: .venv/mutants.stamp
	EVERY=$(EVERY) FIRST=$(FIRST) LIMIT=$(LIMIT) PYTHONPATH=$(CURDIR)/.venv/mutants $(BIN)/python -m tests.mutants

# The pictures of the docs, taken anew.
pictures: .venv/dev.stamp .venv/browsers.stamp
	mkdir -p docs/pictures
	PICTURES=1 $(BIN)/python -m pytest -q -n 0 tests/review/test_pictures.py

COMPILE := $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header
lock: .venv/dev.stamp
	$(PIP) uv
	$(COMPILE) pyproject.toml --extra audience --group build -o requirements/run.txt $(LOCKFLAGS)
	$(COMPILE) pyproject.toml --group dev -o requirements/dev.txt -c requirements/run.txt $(LOCKFLAGS)
	$(COMPILE) --group docs -o requirements/docs.txt $(LOCKFLAGS)
	$(COMPILE) --group mutants -o requirements/mutants.txt -c requirements/dev.txt $(LOCKFLAGS)
	$(COMPILE) --group peers -o requirements/peers.txt $(LOCKFLAGS)
	$(COMPILE) --group compliance-build -o requirements/compliance.build.txt $(LOCKFLAGS)
	$(COMPILE) --group compliance -o requirements/compliance.txt -c requirements/compliance.build.txt $(LOCKFLAGS)

clean:
	rm -rf .venv build dist mutants .mypy_cache .pytest_cache .ruff_cache .hypothesis

.venv/python.stamp:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "reconcile needs Python 3.11 or newer; say which with: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	touch $@

.venv/run.stamp: .venv/python.stamp requirements/run.txt pyproject.toml
	$(PIP) --require-hashes --only-binary :all: -r requirements/run.txt
	$(PIP) --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q reconcile
	touch $@

.venv/dev.stamp: .venv/run.stamp requirements/dev.txt
	$(PIP) --require-hashes --only-binary :all: -r requirements/dev.txt
	touch $@

.venv/example.stamp: .venv/dev.stamp $(wildcard examples/provider/pyproject.toml)
	$(PIP) --no-deps --no-build-isolation --editable examples/provider
	touch $@

# Azurite, the emulator of Azure's storage, for the tests: a package of npm's, run by the Node.js that a wheel brings.
# Where npm's packages can't be had, all other tests run.
.venv/azurite.stamp: .venv/dev.stamp tests/state/azurite/package.json tests/state/azurite/package-lock.json
	rm -rf .venv/azurite
	cp -R tests/state/azurite .venv/azurite
	$(BIN)/npm ci --fetch-retries 1 --fetch-timeout 60000 --prefix .venv/azurite && touch $@ || { rm -rf .venv/azurite; \
	echo "Azurite could not be installed (see above), so the tests on Azure are skipped; the next make test tries again."; }

# The language server that editors use for YAML, for the tests of hover and completion; had in the same way.
.venv/editor.stamp: .venv/dev.stamp tests/editor/package.json tests/editor/package-lock.json
	rm -rf .venv/editor
	mkdir .venv/editor
	cp tests/editor/package.json tests/editor/package-lock.json tests/editor/.npmrc .venv/editor
	$(BIN)/npm ci --fetch-retries 1 --fetch-timeout 60000 --prefix .venv/editor && touch $@ || { rm -rf .venv/editor; \
	echo "The language server for YAML could not be installed (see above); the next make test tries again."; }

# Debian's Chromium and Firefox, for the tests of the review page. Where they can't be installed, those tests are skipped,
# which fails where CI=true.
.venv/browsers.stamp: .venv/dev.stamp
	@if command -v chromium >/dev/null && command -v firefox-esr >/dev/null; then touch $@; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium firefox-esr >/dev/null && touch $@ || \
	echo "Chromium and Firefox could not be installed (see above); the next make test tries again."; \
	else echo "The tests of the review page need Chromium and Firefox ESR: apt-get install chromium firefox-esr, as root."; fi

# terraform-compliance, which only the tests run, in an environment of its own: it pins what it needs. Two of its
# dependencies come as source only; setuptools, installed first, builds them without the network.
COMPLIANCE_PIP := PIP_PYTHON=.venv/compliance/bin/python $(PIP) --require-hashes --only-binary :all:
.venv/compliance.stamp: .venv/python.stamp requirements/compliance.build.txt requirements/compliance.txt
	$(BIN)/python -m venv --clear --without-pip .venv/compliance
	$(COMPLIANCE_PIP) -r requirements/compliance.build.txt
	$(COMPLIANCE_PIP) --no-binary docopt,pysingleton --use-pep517 --no-build-isolation -r requirements/compliance.txt
	touch $@

# The builder of the site, which tests/test_site.py builds strictly; `make site` leaves it in build/site.
.venv/docs.stamp: .venv/python.stamp requirements/docs.txt
	$(BIN)/python -m venv --clear --without-pip .venv/docs
	PIP_PYTHON=.venv/docs/bin/python $(PIP) --require-hashes --only-binary :all: -r requirements/docs.txt
	touch $@

site: .venv/docs.stamp
	.venv/docs/bin/mkdocs build --strict --quiet

.venv/peers.stamp: .venv/python.stamp requirements/peers.txt
	$(BIN)/python -m venv --clear --without-pip .venv/peers
	PIP_PYTHON=.venv/peers/bin/python $(PIP) --require-hashes --only-binary :all: -r requirements/peers.txt
	touch $@

# mutmut in a folder of its own: only `make mutants` takes it.
.venv/mutants.stamp: .venv/dev.stamp requirements/mutants.txt
	rm -rf .venv/mutants
	$(PIP) --require-hashes --only-binary :all: --target .venv/mutants -r requirements/mutants.txt
	touch $@
