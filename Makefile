# anirec: every target sets up what it needs first. Needs python3 (3.11 to 3.13), make, and the package registry.
PYTHON ?= python3
DATASET ?= sample
RAW_DIR ?=
ARGS ?=
BIN := .venv/bin
PYTEST = $(BIN)/python -m pytest -n auto --dist loadfile
INSTALLED := .venv/.installed
UV_COMPILE := $(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --custom-compile-command "make lock" --quiet

.DEFAULT_GOAL := help
.PHONY: help run test coverage check lab app fetch gallery architecture lint lock clean

help: ## show this help
	@echo "anirec: anime recommendations from the MyAnimeList data"
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  DATASET=$(DATASET) RAW_DIR=<folder of raw files> ARGS=<more options> PYTHON=$(PYTHON)"

run: $(INSTALLED) ## ingest, run the six notebooks, write outputs/$(DATASET)/report
	@$(BIN)/anirec run --dataset "$(DATASET)" $(if $(RAW_DIR),--raw-dir "$(RAW_DIR)") $(ARGS)

test: $(INSTALLED) ## run all tests, in short forms where there are some
	@$(PYTEST) $(ARGS)

coverage: $(INSTALLED) ## run all tests and tell which lines none of them runs; fails under 90 %
	@mkdir -p build/coverage
	@$(PYTEST) --cov --cov-report=term --cov-report=html:build/coverage/html $(ARGS)

check: $(INSTALLED) ## run all tests in their full forms, with coverage, and lint (half an hour)
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory coverage ARGS='-m "long or not long" $(ARGS)'

lab: $(INSTALLED) ## open the notebooks in JupyterLab
	@$(BIN)/jupyter lab --notebook-dir=notebooks $(ARGS)

app: $(INSTALLED) ## serve the recommender box as a web page on this machine
	@$(BIN)/anirec app --dataset "$(DATASET)" $(ARGS)

fetch: $(INSTALLED) ## download DATASET=mal-2016, mal-2018, mal-2020 or mal-2023 into data/raw
	@$(BIN)/anirec fetch "$(DATASET)" $(ARGS)

gallery: $(INSTALLED) ## run the sample and renew README's figures, and its picture of the page
	@$(BIN)/anirec run
	@$(BIN)/anirec gallery
	@PYTHONPATH=tests/app $(BIN)/python docs/picture.py

architecture: $(INSTALLED) ## draw anew what README and docs/ show of the code
	@$(BIN)/python docs/drawings.py

lint: $(INSTALLED) ## check style, types, the order of imports, copied code, empty notebooks
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/nbstripout --verify notebooks/*.ipynb
	@$(BIN)/lint-imports --no-cache --no-logo
	@$(BIN)/pylint --disable=all --enable=duplicate-code --min-similarity-lines=10 --score=n lib/anirec

lock: $(INSTALLED) ## pin the newest versions allowed by pyproject.toml in requirements.lock
	@$(BIN)/python -m pip install --quiet uv
	@$(UV_COMPILE) --upgrade --output-file requirements.lock

clean: ## delete .venv, processed tables, simulated data and outputs
	@rm -rf .venv build data/processed data/raw/sample lib/anirec.egg-info
	@git ls-files --others --ignored --exclude-standard --directory outputs 2>/dev/null | while read -r f; do rm -rf "$$f"; done
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED): requirements.lock pyproject.toml
	@command -v "$(PYTHON)" >/dev/null 2>&1 || \
		{ echo "anirec: '$(PYTHON)' was not found: install Python 3.11, 3.12 or 3.13, or pass PYTHON=<path>" >&2; exit 2; }
	@"$(PYTHON)" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
		{ echo "anirec: $$("$(PYTHON)" -V 2>&1) cannot be used: anirec needs Python 3.11, 3.12 or 3.13 (pass PYTHON=<path>)" >&2; exit 2; }
	@"$(PYTHON)" -c 'import venv, ensurepip' 2>/dev/null || \
		{ echo "anirec: '$(PYTHON)' lacks the venv module: install it (Debian: apt install python3-venv)" >&2; exit 2; }
	@$(BIN)/python -c 'import sys' 2>/dev/null || { echo "Creating .venv"; "$(PYTHON)" -m venv --clear .venv; }
	@echo "Installing requirements.lock into .venv (a few minutes the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
