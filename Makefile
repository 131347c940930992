# SPDX-License-Identifier: Apache-2.0
# demo: no system package needed.  test, bench: install what is missing (scripts/bootstrap).

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check
WORKERS ?= 2

.PHONY: demo driver test bench lint clean

demo: $(VENV)/.core
	@$(BIN)/sscard demo

driver: $(VENV)/.core
	@scripts/bootstrap compiler $(PYTHON)
	@$(PIP) --editable '.[driver]'
	@$(BIN)/python -m sscard_driver.build --directory build/native

test: $(VENV)/.test lint
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(PYTEST_ARGS)

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.test
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

clean:
	rm -rf $(VENV) build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.core: pyproject.toml
	@scripts/bootstrap venv $(PYTHON) $(VENV)
	@echo "installing sscard-chip into $(VENV)"
	@$(PIP) --editable .
	@$(PIP) --only-binary :all: --editable '.[settlement]' || true
	@! scripts/bootstrap has_pcsc || $(PIP) --editable '.[pcsc]' || true
	@touch $@

$(VENV)/.test: pyproject.toml scripts/bootstrap
	@scripts/bootstrap system $(PYTHON)
	@scripts/bootstrap venv $(PYTHON) $(VENV)
	$(PIP) --editable '.[test]'
	@touch $@ $(VENV)/.core
