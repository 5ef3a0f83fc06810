# The commands of a new user are `make demo` and `make test`; everything happens inside .venv.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: help demo test quick check bench campaign docs clean

help:            ## Lists these commands.
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

demo: $(VENV)/.core    ## Makes two videos from the clip that comes with Candid; fetches the weights first (148 MB, once).
	@$(BIN)/candid models download || echo "The demo is made all the same."
	@$(BIN)/candid demo

test: $(VENV)/.test    ## Runs every test, real renders included.
	$(BIN)/python -m pytest -m "" -n 3 --dist loadfile --no-loadscope-reorder

quick: $(VENV)/.test   ## Runs the tests that take no rendering.
	$(BIN)/python -m pytest

check: $(VENV)/.test   ## Lints, checks formatting and types.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.test   ## Measures speed and memory against a bare transcode; prints a table and JSON.
	$(BIN)/python -m tests.bench

campaign: $(VENV)/.test ## Kills batches at fifty and publications at 300 random moments; takes about an hour.
	CANDID_KILLS=50 $(BIN)/python -m pytest -m "" -s tests/test_batch_kill.py -k random_moments
	CANDID_KILLS=300 $(BIN)/python -m pytest -m "" -s tests/test_publish_kill.py

docs: $(VENV)/.core    ## Writes the printed output in the README anew.
	$(BIN)/python -m tests.readme

clean:           ## Removes the virtual environment and what tools left behind.
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist *.egg-info

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Candid needs Python 3.11 or newer; name one with: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.test: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	@touch $@ $(VENV)/.core
