# The verbs. CI and people run the same lines.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
HEAVY := .venv-heavy
HARNESS := .venv-harness
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

## test-heavy: what needs torch, other programs that evaluate, or a browser, in environments of their own
test-heavy: $(HEAVY)/.built $(HARNESS)/.built browser
	$(HEAVY)/bin/pytest -m heavy tests/heavy
	$(HARNESS)/bin/pytest -m harness tests/harness

$(HEAVY)/.built: $(RUST_SOURCES) pyproject.toml
	$(PYTHON) -m venv $(HEAVY)
	$(HEAVY)/bin/pip install --quiet --editable '.[heavy]'
	@touch $@

# verifiers and inspect_ai want other releases of shared packages than what needs torch does.
$(HARNESS)/.built: $(RUST_SOURCES) pyproject.toml
	$(PYTHON) -m venv $(HARNESS)
	$(HARNESS)/bin/pip install --quiet --editable '.[harness]'
	@touch $@

# A browser for the pages of reports. Debian's is installed where there is none and the user may.
.PHONY: browser
browser:
	@command -v chromium >/dev/null && command -v chromedriver >/dev/null || { apt-get update -qq && \
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium chromium-driver fonts-dejavu-core \
	>/dev/null; } || { echo "install chromium and chromedriver, and run this again" >&2; exit 1; }

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
	rm -rf target $(VENV) $(HEAVY) $(HARNESS) data
