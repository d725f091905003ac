# Two commands matter: make run, make test. Everything is installed into .venv with pinned versions.
PYTHON ?= python3
TOPIC ?= How much do shifted copies, gradient-histogram features and elastic distortion add to an RBF support vector machine on handwritten digits when only ten labelled images of each class are available?
VENV := .venv
BIN := $(VENV)/bin

# EXTRAS=data,planner installs the planner that learns as well (torch).
EXTRAS ?= data

.PHONY: run test slow check format wheel constraints clean

run: $(VENV)/.installed
	@sh scripts/install-tex.sh
	@sh scripts/install-sandbox.sh
	@OMP_NUM_THREADS=1 $(BIN)/nanoresearch run --fetch $(RUN_FLAGS) "$(TOPIC)"

test: $(VENV)/.installed-dev
	$(BIN)/pytest -n auto

slow: $(VENV)/.installed-dev
	$(BIN)/pytest -m "slow and not network"

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Builds the wheel, installs it where nothing else is, and starts it there.
wheel: $(VENV)/.installed-dev
	rm -rf dist build/wheel
	$(BIN)/python -m build --wheel --outdir dist .
	$(PYTHON) -m venv build/wheel
	build/wheel/bin/pip install --quiet --constraint constraints.txt dist/*.whl
	cd build && wheel/bin/nanoresearch --help >/dev/null && wheel/bin/nanoresearch data list >/dev/null

# Needs uv; pins one set of versions for all supported Pythons.
constraints:
	uv pip compile --universal --python-version 3.11 pyproject.toml --all-extras --no-header --no-emit-index-url --no-annotate --upgrade --output-file constraints.txt

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { echo "Python 3.11 to 3.13 is needed: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "Python cannot make virtual environments here. On Debian: apt-get install python3-venv"; exit 1; }

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[$(EXTRAS)]"
	@touch $@

$(VENV)/.installed-dev: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[data,llm,agent,planner,dev]"
	@touch $@

clean:
	rm -rf $(VENV) dist build
