# Each target sets up .venv by itself: the tested versions of constraints.txt, on Python 3.11 or 3.12.
# Another interpreter: make test PYTHON=/path/to/python3.12
# The newer TensorFlow: make test VENV=.venv-2.21 CONSTRAINTS=constraints-2.21.txt
SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help quickstart test test-slow clients lint format clean

TASK ?= generation
VENV := .venv
CONSTRAINTS := constraints.txt
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Each candidate is tried, not just found: a version manager's shim can be on the path and lead nowhere.
SUITABLE := import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))
CANDIDATES := $(if $(PYTHON),"$(PYTHON)",python3.12 python3.11 python3 python)

help:
	@echo 'make quickstart [TASK=generation]   train, evaluate, export, serve and query a model on the shipped sample'
	@echo 'make test                           the tests that are not marked slow'
	@echo 'make test-slow                      the slow tests'
	@echo 'make clients                        other clients of TF Serving, for tests that are skipped without them'
	@echo 'make lint                           ruff: lint and format check'
	@echo 'make format                         ruff: repair what it can'
	@echo 'make clean                          remove .venv and caches (runs/ and saved_models/ stay)'

quickstart: $(READY)
	@$(BIN)/kerasapp quickstart $(TASK)

test: $(READY)
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile -m "not slow"

test-slow: $(READY)
	@$(BIN)/python -m pytest -q -m slow

clients: $(READY)
	@tests/clients/install $(BIN)/python

lint: $(READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

format: $(READY)
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

clean:
	@rm -rf $(VENV) .clients .pytest_cache .ruff_cache build *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): setup.cfg setup.py pyproject.toml $(CONSTRAINTS)
	@for candidate in $(CANDIDATES); do \
	  if "$$candidate" -c '$(SUITABLE)' >/dev/null 2>&1; then python="$$candidate"; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
	  echo 'error: no Python 3.11 or 3.12 with venv found (tried: $(subst ",,$(CANDIDATES))).' >&2; \
	  echo '       Install one (Debian, Ubuntu: also its python3.X-venv package) or name it: make PYTHON=PATH' >&2; \
	  exit 2; \
	fi; \
	echo "Setting up $(VENV) with $$("$$python" --version); the first time downloads about 800 MB" >&2; \
	set -e; \
	"$$python" -m venv --clear $(VENV); \
	$(BIN)/python -m pip install -q --disable-pip-version-check -c $(CONSTRAINTS) -e '.[dev]'; \
	touch $@; \
	echo "$(VENV) is ready" >&2
