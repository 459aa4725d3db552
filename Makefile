# `make demo` and `make test` are all one needs; each sets up what is missing first.
.DEFAULT_GOAL := help
SHELL := /bin/sh
BIN := $(CURDIR)/.venv/bin
# The launcher of the engine comes before any other pulumi.
export PATH := $(BIN):$(PATH)
JOBS ?= 2
ARGS ?=

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## Install what the project needs: uv, the packages of uv.lock, the Pulumi engine
	@tools/setup.sh

.PHONY: demo
demo: setup ## Contain a leaked key and give it back, on an emulated AWS; KEEP=1 leaves the lab running
	@.venv/bin/python -m cli.demo $(if $(KEEP),--keep) $(ARGS)

.PHONY: test
test: setup ## Run every test; JOBS=n at a time, ARGS='-k words' for some of them
	@.venv/bin/python -m pytest -n $(JOBS) $(ARGS)

.PHONY: bench
bench: setup ## Measure, and print ratios
	@for file in bench/[a-z]*.py; do echo "== $$file"; .venv/bin/python "$$file" $(ARGS) || exit 1; done

.PHONY: lint
lint: export PYRIGHT_PYTHON_IGNORE_WARNINGS = 1
lint: setup ## Check style, types and the direction of imports
	@.venv/bin/ruff check
	@.venv/bin/ruff format --check
	@.venv/bin/mypy
	@MYPYPATH=tools/pulumi .venv/bin/mypy tools/pulumi
	@.venv/bin/pyright
	@.venv/bin/pyright tools/pulumi
	@.venv/bin/lint-imports

.PHONY: docs
docs: setup ## Build the documentation into docs/_build/html; a warning is an error
	@.venv/bin/python -m sphinx -n -W --keep-going -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"
