# `make` alone lists the targets. Each does its own set-up, in this folder only.

PYTHON ?= python3
BIN := .venv/bin
# More arguments for the command behind a target: make demo ARGS="--endpoint http://localhost:4318"
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo test soak lint format bench dist clean

help: ## list the targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | while IFS="$$(printf '\t')" read -r name text; do printf '  make %-8s %s\n' "$$name" "$$text"; done

demo: ## run the offline agent over real code and show what was measured
	@$(PYTHON) .ci/setup.py run >/dev/null
	@$(BIN)/otel-perf demo $(ARGS)

test: ## lint, then every test (builds the collector once when Go is there)
	@PYTHON="$(PYTHON)" .ci/test $(ARGS)

soak: ## the long tests: full loads, hundreds of forks and signals; figures in reports/
	@$(PYTHON) .ci/setup.py dev >/dev/null
	@$(PYTHON) .ci/setup.py servers >/dev/null
	-@$(PYTHON) .ci/setup.py lowest >/dev/null
	@$(BIN)/python -m pytest -m soak --timeout 3600 $(ARGS)

lint: ## ruff, mypy --strict and the layers
	@$(PYTHON) .ci/setup.py dev >/dev/null
	@.ci/lint

format: ## let ruff format and fix what it can
	@$(PYTHON) .ci/setup.py dev >/dev/null
	@$(BIN)/ruff check --quiet --fix-only
	@$(BIN)/ruff format

bench: ## measure the overhead against the OpenTelemetry SDK
	@$(PYTHON) .ci/setup.py run >/dev/null
	@$(BIN)/otel-perf overhead $(ARGS)

dist: ## wheel, sdist and SBOM into dist/, the same bytes each time
	@$(PYTHON) .ci/setup.py dev >/dev/null
	@.ci/dist $(ARGS)

clean: ## remove environments, caches and results of this clone
	rm -rf .venv .venv-foreign .venv-servers .venv-lowest .venv-3.* dist build reports .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache htmlcov .coverage .coverage.*
	find otel_perf tests .ci -name __pycache__ -type d -prune -exec rm -rf {} +
