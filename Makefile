# Each recipe is one line. `make` alone says what there is.
SHELL := /bin/bash
PYTHON := $(shell for p in python3 python3.13 python3.12 python3.11 python3.14; do command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
READY := .venv/ready
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header
WORKERS := 4# of the tests; each has servers of its own and waits for them half of its time
SERVICES := $(patsubst services/%/pyproject.toml,%,$(wildcard services/*/pyproject.toml))
# Lists of packages that are not a service's, and their locks beside them.
OTHERS := $(wildcard kit/examples/*/requirements.in) tests/consumers/requirements.in tests/helm/requirements.in deploy/containers/sbom.in
# Tests of delivery, of a service and through all services, that test-containers runs on servers in containers.
IN_CONTAINERS := tests/chassis/test_outbox.py tests/chassis/test_relay.py tests/chassis/test_database.py tests/tiers/test_handlers.py tests/journeys/test_who_is_told.py
.DEFAULT_GOAL := help
# What was compiled is kept, whatever the environment says: a service starts in four fifths of the time.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: help demo down logs test test-consumers test-charts test-operations test-containers check bench screenshots contracts manifests chart reference kit lock
.DELETE_ON_ERROR:

help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(READY) ## Start everything, import a sample portfolio, send its mail, and show what happened
	@$(BIN)/python -m deploy.demo

down: $(READY) ## Stop everything that demo started
	@$(BIN)/python -m deploy.local down

logs: $(READY) ## Follow the logs of what runs (make logs S=clients for one)
	@$(BIN)/python -m deploy.local logs $(S)

test: $(READY) ## Run the tests and measure what they cover
	mkdir -p build && $(BIN)/python -m slipcover --json --out build/coverage.json -m pytest -n $(WORKERS) --no-loadscope-reorder $(ARGS) && $(BIN)/python -m slipcover --merge build/coverage.json --out build/coverage.json --fail-under 92

test-consumers: $(READY) ## Build the example consumers of the kit, and run them all on one story (needs Go, Maven, npm)
	$(BIN)/pytest -m consumers tests/consumers $(ARGS)

test-charts: $(READY) ## Render the Helm chart and hold it against Kubernetes (needs Go; the first time builds Helm)
	$(BIN)/pytest -m charts --timeout=1800 tests/helm $(ARGS)

test-operations: $(READY) ## Run the procedures of docs/operations that need the whole system: backup, restore, upgrade, a guarded Kafka
	$(BIN)/pytest -m operations tests/operations tests/deploy $(ARGS)

test-containers: $(READY) ## Build the images, bring them up from a clean clone, and try to break them (needs Docker)
	$(BIN)/pytest -m containers tests/containers $(ARGS) && TEST_BACKEND=containers $(BIN)/pytest $(IN_CONTAINERS)

check: $(READY) ## Format, lint, types, import rules, templates and migrations
	$(BIN)/ruff format --check && $(BIN)/ruff check && $(BIN)/mypy && $(BIN)/lint-imports && $(BIN)/djlint services --lint --quiet && $(BIN)/squawk services/*/migrations/*.sql shared/chassis/migrations/*.sql

bench: $(READY) ## Measure (QUICK=1 ends within 3 minutes)
	@QUICK=$(QUICK) B=$(B) N=$(N) $(BIN)/python -m tests.benchmarks

screenshots: $(READY) ## Take a picture of each view into docs/images, light and dark
	@$(BIN)/python -m tests.browser.screenshots $(ARGS)

contracts: $(READY) ## Publish schemas, documents and types of the events; refuse what breaks a reader (ARGS=--check compares)
	@$(BIN)/python -m shared.contracts publish $(ARGS)

manifests: $(READY) ## Write what Strimzi and CloudNativePG are given into deploy/k8s
	@$(BIN)/python -m deploy.k8s

chart: $(READY) ## Write what of the Helm chart is made from settings, alerts and figures (ARGS=--check compares)
	@$(BIN)/python -m deploy.helm $(ARGS)

reference: $(READY) ## Write docs/configuration.md and the dashboards from the code (ARGS=--check compares; ARGS=metrics: of what runs)
	@$(BIN)/python -m deploy.reference $(ARGS)

kit: $(READY) ## Build partner-tools-events, the package for consumers, into build/kit
	@cd kit/python && ../../$(BIN)/python -m hatchling build -t wheel -d ../../build/kit

lock: $(READY) ## Write the locks, hashed and without addresses (ARGS=--upgrade for newer versions)
	$(LOCK) $(ARGS) -o requirements.txt requirements.in shared/pyproject.toml $(SERVICES:%=services/%/pyproject.toml) && $(LOCK) -o shared/requirements.txt shared/pyproject.toml --constraint requirements.txt && $(LOCK) -o deploy/requirements.txt deploy/requirements.in shared/pyproject.toml --constraint requirements.txt && for s in $(SERVICES); do $(LOCK) -o services/$$s/requirements.txt services/$$s/pyproject.toml shared/pyproject.toml --constraint requirements.txt || exit; done && for o in $(OTHERS:.in=); do $(LOCK) -o $$o.txt $$o.in --constraint requirements.txt || exit; done

$(READY): requirements.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed, and there is none on the PATH." >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { rm -rf .venv; echo "python -m venv failed. On Debian: apt-get install python3-venv" >&2; exit 1; }
	@echo "Installing what requirements.txt names into .venv ..." && $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.txt && touch $@
