# The whole workflow. `make` alone lists it. Nothing outside .venv is touched; weights go to the user's cache folder.
PYTHON ?= python3
BIN := .venv/bin
PIP := PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --constraint constraints.txt

export PIP_REQUIRE_VIRTUALENV := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help lab install test docs preview notebooks readme bench hooks chromium lint clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

lab: install  ## open JupyterLab on the home notebook, with a model that answers
	$(BIN)/llmeng lab

install: .venv/ready-lab  ## environment and weights, nothing started
	$(BIN)/llmeng models get

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "llmeng needs Python 3.11 or newer; name one with: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv .venv || \
	  { rm -rf .venv; echo "The venv module is missing. On Debian or Ubuntu: apt-get install python3-venv"; exit 1; }
	@$(PIP) --upgrade pip

.venv/ready-lab: .venv/bin/python settings.ini setup.py constraints.txt
	@echo "Installing JupyterLab and llmeng into .venv: one or two minutes."
	@$(PIP) --editable '.[lab,evals]'
	@$(BIN)/python scripts/link_lab.py
	@touch $@

.venv/ready-dev: .venv/ready-lab
	@echo "Installing what the tests and the site need into .venv: some minutes."
	@$(PIP) --editable '.[dev]'
	@touch $@

test: .venv/ready-dev chromium  ## everything: notebooks, lessons, browser, faults, site
	$(BIN)/llmeng models get
	$(BIN)/python -m pytest

lint: .venv/ready-dev  ## style of notebooks and modules
	$(BIN)/ruff check llmeng nbs tests bench scripts setup.py
	$(BIN)/ruff format --check nbs tests bench scripts setup.py

docs: .venv/ready-dev  ## build the site into _site (Quarto where it is installed, else smalldocs) and check its links
	@if command -v quarto >/dev/null; then quarto render; else $(BIN)/smalldocs render --strict .; fi
	$(BIN)/smalldocs check .

preview: .venv/ready-dev  ## build the site, serve it on this machine, rebuild on every change
	$(BIN)/smalldocs preview .

notebooks: .venv/ready-dev  ## export, run every notebook in place, clean, refresh README.md
	$(BIN)/llmeng models get
	$(BIN)/nbdev_export
	$(BIN)/python scripts/notebooks.py
	$(MAKE) readme

readme: .venv/ready-dev  ## make README.md from nbs/index.ipynb
	$(BIN)/python scripts/readme.py

bench: .venv/ready-dev  ## the measurements, as ratios (some minutes); with DATA=FOLDER the benchmarks' too
	$(BIN)/llmeng models get
	set -e; for name in load call batch first_token evaluate ifeval_parity; do \
	  echo; echo "== bench/$$name.py"; $(BIN)/python bench/$$name.py; done
	if [ -n "$(DATA)" ]; then $(BIN)/python bench/lm_eval_parity.py "$(DATA)"; fi

hooks: .venv/ready-dev  ## clean notebooks at every commit and merge
	$(BIN)/nbdev_install_hooks
	$(BIN)/pre-commit install

# Debian's Chromium for the browser tests. Only root may install it; anybody else is told how, and the tests fail.
chromium:
	@command -v chromium chromium-browser google-chrome >/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; \
	  else \
	    echo "The browser tests need Chromium and will fail without it. Debian, Ubuntu: sudo apt-get install chromium"; \
	    echo "Elsewhere: install Chromium or Chrome, so that \`chromium\` or \`google-chrome\` is on PATH."; \
	  fi; }

clean:  ## remove what was built; weights stay
	rm -rf .venv _site _proc build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
