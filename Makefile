# What can be done with this tree. A Rust toolchain, make and a C compiler are presumed; the rest is fetched when needed.

CARGO ?= cargo
# Pinned so that the same tree is judged by the same rules everywhere.
CARGO_DENY_VERSION := 0.20.2

.PHONY: help demo test soak sim bench lint fmt clippy deny doc bitcoind clean

help:
	@echo 'make demo    a whole market on regtest, on this machine alone'
	@echo '             (KEEP=1 leaves it running and says how to use it; ARGS="..." is passed on)'
	@echo 'make test    all tests, the end-to-end ones against real nodes and a real bitcoind'
	@echo 'make soak    what takes longer: nodes killed at any moment (KILLS=120), and make sim'
	@echo 'make sim     thousands of swaps with faults over a simulated world (SEEDS=2000)'
	@echo 'make bench   what a swap takes on this machine, in a release build (RUNS=30)'
	@echo 'make lint    formatting, clippy, licenses and sources of dependencies, documentation'
	@echo 'make doc     the documentation, in target/doc'
	@echo 'make clean   removes what was built (not the fetched bitcoind in .cache)'

# Variables given to make (KEEP=1) reach the program through its environment.
demo: bitcoind
	$(CARGO) build --locked -p cambista -p cambista-tests --bins
	BITCOIND="$$(scripts/bitcoind)" target/debug/cambista-demo $(ARGS)

# The end-to-end tests run the program itself, so it is built before them: of the whole workspace and with the tests,
# because then it shares every dependency with them instead of having some built twice.
test: bitcoind
	$(CARGO) build --locked --workspace --bins --tests
	BITCOIND="$$(scripts/bitcoind)" $(CARGO) test --locked --workspace $(ARGS)

# Each seed is one swap with its faults; a seed and a commit give the same run again.
SEEDS ?= 2000
sim:
	$(CARGO) build --locked -p cambista-sim
	target/debug/cambista-sim $(SEEDS)

# What takes longer than a change should wait for: nodes killed at any moment, and thousands of simulated swaps.
KILLS ?= 120
soak: bitcoind
	$(CARGO) build --locked --workspace --bins --tests
	BITCOIND="$$(scripts/bitcoind)" CAMBISTA_KILLS=$(KILLS) $(CARGO) test --locked -p cambista-tests --test scenarios killed_anytime
	$(MAKE) sim

RUNS ?= 30
bench: bitcoind
	$(CARGO) build --locked --release -p cambista -p cambista-tests --bins
	BITCOIND="$$(scripts/bitcoind)" target/release/cambista-bench $(RUNS)
	$(CARGO) bench --locked -p cambista-benches

lint: fmt clippy deny doc

fmt:
	@$(CARGO) fmt --version >/dev/null 2>&1 || rustup component add rustfmt
	$(CARGO) fmt --all --check

clippy:
	@$(CARGO) clippy --version >/dev/null 2>&1 || rustup component add clippy
	$(CARGO) clippy --locked --workspace --all-targets

deny:
	@$(CARGO) deny --version >/dev/null 2>&1 || \
		$(CARGO) install cargo-deny --version $(CARGO_DENY_VERSION) --locked --debug
	$(CARGO) deny --locked check bans licenses sources

doc:
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps

# Fetched once; says where it is.
bitcoind:
	@scripts/bitcoind

clean:
	$(CARGO) clean
