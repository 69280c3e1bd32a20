# What the README's two commands do, and the checks that CI runs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= $(shell nproc 2>/dev/null || echo 2)

.PHONY: setup tag test check clean

## Make a virtual environment with the light runtime and tag a seed article.
tag: setup
	$(BIN)/python predict.py seeds/004_3a74fcb426097545.txt

setup: $(VENV)/.runtime

$(VENV)/.runtime: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable ".[html]" --constraint constraints.txt
	touch $@

$(VENV)/.test: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable ".[test]" --constraint constraints.txt
	touch $@

## Install what the tests need, check style and types, run all tests with coverage, the files side by side.
test: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses=$(JOBS) --dist=loadfile --cov=newslean --cov-report=term --cov-fail-under=90

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .coverage *.egg-info
