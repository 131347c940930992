# SPDX-License-Identifier: Apache-2.0
# demo, docs: no system package needed.  test, bench: install what is missing (scripts/bootstrap).
# PYTHON=python3.12 works in a virtual environment of its own, .venv-python3.12.

PYTHON ?= python3
VENV   ?= .venv$(if $(filter-out python3,$(PYTHON)),-$(notdir $(PYTHON)))
# Which interpreter this is: an environment of another one, even of the same name, is made anew.
KEY    := $(shell scripts/bootstrap key $(PYTHON) 2>/dev/null)
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check
WORKERS ?= 2

export NO_MKDOCS_2_WARNING = 1

.PHONY: demo driver test bench lint docs clean

demo: $(VENV)/.core
	@$(BIN)/sscard demo

driver: $(VENV)/.core
	@scripts/bootstrap compiler $(PYTHON)
	@$(PIP) --editable '.[driver]'
	@$(BIN)/python -m sscard_driver.build --directory build/native

test: $(VENV)/.test lint docs
	$(BIN)/python -m pytest -n $(WORKERS) $(PYTEST_ARGS)

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/.docs
	$(BIN)/mkdocs build --strict --quiet
	@echo "build/site/index.html"

bench: $(VENV)/.test
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

clean:
	rm -rf .venv* build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.python-$(KEY):
	@scripts/bootstrap venv $(PYTHON) $(VENV)
	@touch $@

$(VENV)/.core: pyproject.toml $(VENV)/.python-$(KEY)
	@echo "installing sscard-chip into $(VENV)"
	@$(PIP) --editable .
	@$(PIP) --only-binary :all: --editable '.[settlement]' || true
	@$(PIP) --only-binary :all: --editable '.[pki]' || true
	@$(PIP) --only-binary :all: --editable '.[service]' || true
	@! scripts/bootstrap has_pcsc || $(PIP) --editable '.[pcsc]' || true
	@touch $@

$(VENV)/.docs: pyproject.toml $(VENV)/.python-$(KEY)
	@echo "installing what the pages need into $(VENV)"
	@$(PIP) --editable '.[docs]'
	@touch $@

$(VENV)/.test: pyproject.toml scripts/bootstrap $(VENV)/.python-$(KEY)
	@scripts/bootstrap system $(PYTHON)
	$(PIP) --editable '.[test]'
	@touch $(VENV)/.core $(VENV)/.docs $@
