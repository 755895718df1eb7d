# The verbs. CI and people run the same lines.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
HEAVY := .venv-heavy
export CARGO_TERM_COLOR ?= auto
# One pip cache and no questions: the same on a laptop and in CI.
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo build test test-rust test-python test-heavy lint gen check-gen bench bench-rust docs fuzz clean

RUST_SOURCES := $(shell find rust -name '*.rs' -o -name Cargo.toml) Cargo.toml Cargo.lock

## build: the library and the command line, optimised, into .venv
build: $(VENV)/.built

$(VENV)/.created:
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.built: $(VENV)/.created $(RUST_SOURCES) pyproject.toml
	$(BIN)/pip install --quiet --editable '.[data]'
	@touch $@

$(VENV)/.dev: $(VENV)/.built
	$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@

## demo: a merged dataset of 10M tokens, validated, with samples and speed
demo: build
	$(BIN)/synthgen list
	$(BIN)/synthgen show dyna --difficulty 1 --rows 2
	$(BIN)/synthgen show depo --n-max 6 --num-queries 3 --rows 1
	$(BIN)/synthgen show logic --difficulty 2 --rows 1
	$(BIN)/synthgen show facts --rows 1
	$(BIN)/synthgen generate merged --total-tokens 10M --output-dir data/demo --overwrite
	$(BIN)/synthgen verify data/demo
	$(BIN)/synthgen bench

## test: everything that needs no heavy package
test: lint check-gen test-rust test-python

test-rust:
	cargo test --workspace --locked --quiet

test-python: $(VENV)/.dev
	$(BIN)/pytest -m "not heavy and not harness" --numprocesses=2 --dist=worksteal

## test-heavy: what needs torch, transformers and Ray, in an environment of its own
test-heavy: $(HEAVY)/.built
	$(HEAVY)/bin/pytest -m heavy tests/heavy

$(HEAVY)/.built: $(RUST_SOURCES) pyproject.toml
	$(PYTHON) -m venv $(HEAVY)
	$(HEAVY)/bin/pip install --quiet --editable '.[heavy]'
	@touch $@

## lint: format, lints, types, and stubs against the built module
lint: $(VENV)/.dev
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/stubtest synthgen._native

## gen: write the generated Python modules, docs regions and golden files
gen:
	cargo dev write

check-gen:
	cargo dev check

## bench: tokens/s against plain Python and against memory fill, one core, one run
bench: $(VENV)/.dev
	$(BIN)/python -m benches

bench-rust:
	cargo bench -p synthgen

## docs: the Rust API pages, and a check of the prose's links
docs:
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --quiet
	$(PYTHON) docs/check_links.py

## fuzz: ten minutes of hostile rows and texts against the validators and solvers
fuzz:
	SYNTHGEN_FUZZ_SECONDS=600 cargo test --release -p synthgen --locked --test fuzz -- --nocapture

clean:
	rm -rf target $(VENV) $(HEAVY) data
