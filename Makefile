# `make demo` and `make test` are all one needs; each sets up what is missing first.
.DEFAULT_GOAL := help
SHELL := /bin/sh
JOBS ?= 2
ARGS ?=
EVENTS ?= 1000000 5000000
# Where this is set, every process that a test or the demo starts compiles the program and its packages anew.
export PYTHONDONTWRITEBYTECODE :=
# Our programs first: the launcher of the engine comes before any other pulumi.
RUN := PATH="$(CURDIR)/.venv/bin:$$PATH"

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## Install what the project needs: uv, the packages of uv.lock, the Pulumi engine
	@tools/setup.sh
	@case '$(MAKECMDGOALS)' in setup) echo 'next: source .venv/bin/activate';; esac

.PHONY: demo
demo: setup ## Contain a leaked key and give it back, on an emulated AWS; KEEP=1 leaves the lab running
	@$(RUN) python -m cli.demo $(if $(KEEP),--keep) $(ARGS)

.PHONY: record
record: setup ## Run the demo and put what it prints into README.md
	@$(RUN) python tools/record_demo.py

.PHONY: test
test: setup ## Run every test; JOBS=n at a time, ARGS='-k words' for some of them
	@$(RUN) python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder $(ARGS)

.PHONY: bench
bench: setup ## Measure, and print ratios; EVENTS='n n' CloudTrail records for the trace
	@$(RUN) python -m bench.contain
	@$(RUN) python -m bench.lab
	-@$(RUN) python -m bench.scale
	@corpus=$$(mktemp -d) && trap 'rm -rf "$$corpus"' EXIT && \
	for n in $(EVENTS); do $(RUN) python -m bench.trail_corpus "$$corpus/$$n" --events $$n || exit 1; done && \
	$(RUN) python -m bench.trail $(foreach n,$(EVENTS),"$$corpus/$(n)")

.PHONY: fuzz
fuzz: setup ## Feed the reader of logs damaged files, guided by what they reach, for ten minutes
	@tools/uv.sh run --frozen --quiet --with 'atheris>=2.3' python -m bench.trail_fuzz $(ARGS)

.PHONY: judges
judges: setup ## Hold the lab against evaluators and an emulator of others; needs Node.js
	@tools/judges/install.sh
	@$(RUN) python -m tools.judges $(ARGS)

.PHONY: browser
browser: setup ## Drive every page that is written in Chromium, which Debian's apt-get installs where it is absent
	@tools/browser/install.sh
	@"$${XDG_CACHE_HOME:-$$HOME/.cache}/containment/browser/bin/python" -m tools.browser $(ARGS)

.PHONY: golden
golden: setup ## Write anew what runs show, of real changes on the lab; look at the difference
	@$(RUN) GOLDEN=new python -m pytest -q -n0 tests/actions/test_golden_runs.py tests/review/test_golden_reviews.py
	@git diff --stat -- tests/actions/golden tests/review/golden

.PHONY: reliability
reliability: setup ## Break real runs in every way, and play stories: nothing is lost; ARGS='--only words' for some runs
	@$(RUN) python -m tools.reliability $(ARGS)
	$(if $(ARGS),,@$(RUN) python -m tests.edited --edits 2000)
	$(if $(ARGS),,@$(RUN) python -m tests.edited --engine --edits 60)
	$(if $(ARGS),,@$(RUN) python -m tests.model --runs 2000 --jobs $(JOBS))
	$(if $(ARGS),,@$(RUN) python -m tests.adversary --seeds 1 --jobs $(JOBS))
	$(if $(ARGS),,@$(RUN) python -m tests.adversary.processes)

.PHONY: stories
stories: setup ## Play incidents on a model of the engine: 2,000 at random, and a crash at every moment
	@$(RUN) python -m tests.model --runs 2000 --kills --jobs $(JOBS) $(ARGS)

.PHONY: spark
spark: ## Ask a real Spark the trace's questions, and hold it to the files' answer; needs Java 17
	@tools/spark.sh $(ARGS)

.PHONY: mutants
mutants: export UV_PROJECT_ENVIRONMENT = $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/containment/mutants
mutants: setup ## Break the code that restores and guards on purpose, and see the tests notice
	@UV_PYTHON_DOWNLOADS=never tools/uv.sh run --frozen --group mutants --quiet \
		--python "$$(tools/python.sh)" python -m tools.mutants $(ARGS)

.PHONY: lint
lint: setup ## Check style, types and the direction of imports
	@$(RUN) ruff check
	@$(RUN) python tools/language.py
	@$(RUN) ruff format --check
	@$(RUN) mypy
	@$(RUN) basedpyright
	@$(RUN) lint-imports

.PHONY: docs
docs: setup ## Write the generated pages, build docs/_build/html; a warning is an error
	@$(RUN) python -m containment.catalogue
	@$(RUN) python -m cli.reference
	@$(RUN) python tools/architecture.py
	@$(RUN) python tools/test_map.py
	@$(RUN) python tools/residuals.py
	@$(RUN) python -m tests.coverage.page
	@$(RUN) python -m sphinx -n -W --keep-going -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"
