# The one door for tasks. From a fresh clone with Python 3.11 or newer and nothing else, every target works by itself.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
INSTALL := $(PIP) install -c constraints.txt

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-data check docs package smoke clean

help:  ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing lamina and the encoders that it is compared with into $(VENV) (a few minutes the first time)"
	$(INSTALL) -e ".[bench]"
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing lamina with its test tools into $(VENV) (a few minutes the first time)"
	$(INSTALL) -e ".[dev,bench,sfm,head]"
	@touch $@ $(VENV)/.demo

$(VENV)/.docs: pyproject.toml constraints.txt | $(VENV)/.dev
	$(INSTALL) -e ".[docs]"
	@touch $@

setup: $(VENV)/.dev  ## Make .venv with lamina, its test tools and the rival encoders

demo: $(VENV)/.demo  ## Code a photograph, a clip, a scene and one that moves, compare, write demo_output/index.html
	$(BIN)/python -m demo $(DEMO_OPTIONS)

test: $(VENV)/.dev  ## All tests that need neither the development data nor a GPU (minutes on two cores)
	$(BIN)/python -m pytest -m "not data"

test-data: $(VENV)/.dev  ## Tests on ../shared/data or $$LAMINA_DATA; skipped where it is missing
	$(BIN)/python -m pytest -m data || test $$? -eq 5

check: $(VENV)/.dev  ## Format, lint, types, generated documents
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright
	$(BIN)/python docs/make_bitstream_tables.py --check
	$(BIN)/python docs/make_tables.py --check
	$(BIN)/python benchmarks/make_figures.py --check

docs: $(VENV)/.docs  ## Build the documentation site into site/; a link that leads nowhere is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "site/index.html"

package: $(VENV)/.dev  ## Build wheel and source distribution into dist/, check what they hold
	rm -rf dist
	PIP_CONSTRAINT=constraints.txt $(BIN)/python -m build --quiet --outdir dist .
	$(BIN)/twine check --strict dist/*
	$(BIN)/python release/check.py dist

smoke: package  ## Try both in a clean environment outside of the repository (some minutes)
	$(BIN)/python release/smoke.py dist

clean:  ## Remove what was generated; keeps .venv
	rm -rf build dist site demo_output .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path "./$(VENV)/*" -prune -exec rm -rf {} +
