# Two targets do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: demo export test pytest check lint types clean

demo: $(VENV)/.installed-demo
	$(BIN)/sessiontune demo

export: $(VENV)/.installed-base
	$(BIN)/sessiontune export -o sessions-export

test: check pytest

pytest: $(VENV)/.installed-dev
	$(BIN)/python -m pytest

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or \
	sys.exit("Python 3.11 or newer is needed, this is %d.%d. For example: make $(MAKECMDGOALS) PYTHON=python3.13" % sys.version_info[:2])'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed-base: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet -e .
	touch $@

$(VENV)/.installed-demo: $(VENV)/bin/python pyproject.toml
	@echo "Installing torch and what else is needed: this takes some minutes."
	$(BIN)/python -m pip install --quiet -e ".[train,evaluate,ship,serve]"
	$(BIN)/sessiontune ship --fetch-converter
	touch $@

$(VENV)/.installed-dev: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet -e ".[all,dev]"
	touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
