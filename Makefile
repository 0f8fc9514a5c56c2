# The whole house in one word each. Needs make, Python 3.11 or newer and a network; no root.
PYTHON ?= python3
BIN = .venv/bin
FILES = $(wildcard src agents scripts tests bench)

.DEFAULT_GOAL := help
.PHONY: help run setup test oldest check lint bench bench-comparison mutants format clean

help: ## what there is
	@sed -n 's/^\([a-z%-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

run: ## set up what is missing, start everything, open http://localhost:8000 (ARGS="--port 8001" changes it)
	@$(PYTHON) -m scripts.setup $(if $(findstring smollm2,$(ARGS)),smollm2,run)
	@exec $(BIN)/unbroken up --demo $(ARGS)

setup: ## what `make run` needs, without starting anything
	@$(PYTHON) -m scripts.setup run

test: ## linters, then all tests, with the real livekit-server and a browser: those that talk one by one
	@$(PYTHON) -m scripts.setup test
	@$(MAKE) --no-print-directory lint $(if $(ARGS),,oldest)
	@$(if $(ARGS),,$(BIN)/pytest -n auto --dist loadfile -m "not (e2e or browser)")
	@$(BIN)/pytest $(or $(ARGS),-m "e2e or browser")

oldest: ## what stands on livekit-agents, and a kill, with the oldest version that we promise
	@$(PYTHON) -m scripts.setup oldest
	@.tools/oldest/bin/pytest -q -n auto --dist loadfile tests/livekit
	@.tools/oldest/bin/pytest -q tests/e2e/test_failover.py::test_in_mid_sentence

check: ## format, ruff, types, layers, lengths, fast tests: under a minute
	@$(PYTHON) -m scripts.setup check
	@$(MAKE) --no-print-directory lint
	@$(BIN)/pytest -q -m "not e2e and not browser" tests/core tests/livekit tests/house $(ARGS)

lint:
	@$(BIN)/ruff format --check --quiet $(FILES) || { echo "make format repairs the formatting"; exit 1; }
	@$(BIN)/ruff check --quiet $(FILES)
	@$(BIN)/mypy --no-error-summary
	@out=$$($(BIN)/lint-imports) || { echo "$$out"; exit 1; }
	@$(BIN)/python scripts/lengths.py

format: ## ruff puts the code in shape
	@$(BIN)/ruff format --quiet $(FILES)
	@$(BIN)/ruff check --quiet --fix $(FILES)

bench: ## measure; results in bench/results
	@$(PYTHON) -m scripts.setup test
	@$(BIN)/python -m bench $(ARGS)

bench-comparison: ## beside the usual StateManager on Redis, the usual native state, and others; writes docs/comparison.md
	@$(PYTHON) -m scripts.setup comparison
	@.tools/comparison/bin/python -m bench comparison $(ARGS)

campaign-%: ## failover (100 kills), kills (30 stories), long (30 kills of one call), first (60 lost dispatches), host (half an hour), wishes (100 callers), api (load, 100 kills), roundtrip (100,000 sessions), coordination (locks, slots, patches by 20 processes, services killed)
	@$(PYTHON) -m scripts.setup test
	@$(BIN)/python -m bench $* $(ARGS)

mutants: ## break each promise of journal, keeper and store once: a test must notice (minutes)
	@$(PYTHON) -m scripts.setup test
	@$(BIN)/python -m bench mutants $(ARGS)

clean: ## remove everything that was built here; conversations stay where they are
	@rm -rf .venv .tools console/node_modules console/dist src/unbroken/service/console
	@rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
