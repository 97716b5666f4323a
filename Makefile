# Short names for what run_tests.py and the tools do. `make all` is what CI runs.
PYTHON ?= python3
ENV := .venv/bin/python
LOCK := $(ENV) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header

.PHONY: install format lint types test bench docs lock all

install:
	$(PYTHON) -m bootstrap dev

format: install
	$(ENV) -m ruff format
	$(ENV) -m ruff check --fix

lint: install
	$(PYTHON) run_tests.py --lint

types: install
	$(ENV) -m bootstrap.platform_types

test: install
	$(PYTHON) run_tests.py --unit --integration --browser

bench: install
	set -e; for script in bench/[a-z]*.py; do echo "== $$script"; $(ENV) -m bench.$$(basename $$script .py); done

docs: install
	$(ENV) -m pytest -q tests -k docs

# The four locks, from pyproject.toml. Newer versions: make lock UPGRADE=--upgrade
lock:
	$(ENV) -c "import tomllib; d = tomllib.load(open('pyproject.toml', 'rb')); print('\n'.join(d['build-system']['requires'] + d['dependency-groups']['build']))" \
	| $(LOCK) $(UPGRADE) - --output-file requirements/build.lock
	$(LOCK) $(UPGRADE) --group pyproject.toml:uv --output-file requirements/uv.lock
	$(LOCK) $(UPGRADE) pyproject.toml --output-file requirements/runtime.lock
	$(LOCK) $(UPGRADE) pyproject.toml --group dev --constraints requirements/runtime.lock \
		--constraints requirements/build.lock --constraints requirements/uv.lock \
		--output-file requirements/dev.lock

all: install
	$(PYTHON) run_tests.py
