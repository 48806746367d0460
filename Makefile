# What can be done with this tree. A Rust toolchain, make and a C compiler are presumed; the rest is fetched when needed.

CARGO ?= cargo
# Pinned so that the same tree is judged by the same rules everywhere.
CARGO_DENY_VERSION := 0.20.2

.PHONY: help demo test soak model sim sim-market bench fuzz lint fmt clippy deny doc bitcoind clean

help:
	@echo 'make demo    a whole market on regtest, on this machine alone'
	@echo '             (KEEP=1 leaves it running and says how to use it; ARGS="..." is passed on)'
	@echo 'make test    all tests, the end-to-end ones against real nodes and a real bitcoind'
	@echo 'make soak    what takes longer: nodes killed at any moment and at every step, also under load (KILLS=120), full disks, make model, make sim'
	@echo 'make model   the largest searches over every state of a swap: minutes and gigabytes (SEARCHES="deeper-reorg ...")'
	@echo 'make sim     thousands of swaps with faults over a simulated world (SEEDS=2000)'
	@echo 'make sim-market  how offers spread among many nodes, with churn and spam (NODES=10000 MINUTES=10)'
	@echo 'make bench   what a swap takes on this machine, in a release build (RUNS=30)'
	@echo 'make bounds  what thousands of swaps cost a node over a week of blocks (BLOCKS=1008)'
	@echo 'make fuzz    every decoder and both state machines against made-up input (T=60 seconds each)'
	@echo 'make lint    formatting, clippy, licenses and sources of dependencies, documentation'
	@echo 'make doc     the documentation, in target/doc'
	@echo 'make clean   removes what was built (not the fetched bitcoind in .cache)'

# Variables given to make (KEEP=1) reach the program through its environment.
demo: bitcoind
	$(CARGO) build --locked -p cambista -p cambista-tests --bins
	BITCOIND="$$(scripts/bitcoind)" target/debug/cambista-demo $(ARGS)

# The same program with points at which a test may have it killed, under a name of its own. One small test is named with it,
# because then it shares its dependencies with the tests: these ask some of them for more than the program alone does.
WITH_FAILPOINTS = $(CARGO) build --locked --workspace --features cambista/failpoints --bin cambista-failpoints --test golden

# End-to-end tests wait more than they compute: two more than there are cores run side by side.
#
# The end-to-end tests run the program itself, so it is built before them: of the whole workspace and with the tests,
# because then it shares every dependency with them instead of having some built twice.
test: bitcoind
	$(CARGO) build --locked --workspace --bins --tests
	$(WITH_FAILPOINTS)
	RUST_TEST_THREADS=$${RUST_TEST_THREADS:-$$(($$(nproc) + 2))} BITCOIND="$$(scripts/bitcoind)" $(CARGO) test --locked --workspace $(ARGS)

# Each seed is one swap with its faults; a seed and a commit give the same run again.
SEEDS ?= 2000
sim:
	$(CARGO) build --locked -p cambista-sim
	target/debug/cambista-sim $(SEEDS)

# How offers travel in a large market: the production limits, a simulated network.
NODES ?= 10000
MINUTES ?= 10
sim-market:
	$(CARGO) run --locked --release -p cambista-sim-market -- $(NODES) $(MINUTES)

# What takes longer than a change should wait for: nodes killed at any moment, also with many swaps under way, and at every
# step of the longest swaps, disks that fill up, the largest searches of the model, and thousands of simulated swaps.
KILLS ?= 120
soak: bitcoind
	$(CARGO) build --locked --workspace --bins --tests
	$(WITH_FAILPOINTS)
	BITCOIND="$$(scripts/bitcoind)" CAMBISTA_KILLS=$(KILLS) CAMBISTA_CRASHES=all CAMBISTA_OLD_BIN="$$(scripts/old-version)" \
		$(CARGO) test --locked -p cambista-tests --test scenarios -- --nocapture --include-ignored killed_anytime disk_full crash_matrix upgraded
	$(MAKE) model
	$(MAKE) sim

# Every state of a swap with two faults at once; make test searches what takes seconds.
SEARCHES ?=
model:
	$(CARGO) build --locked -p cambista-model
	target/debug/cambista-model $(SEARCHES)

RUNS ?= 30
bench: bitcoind
	$(CARGO) build --locked --release -p cambista -p cambista-tests --bins
	BITCOIND="$$(scripts/bitcoind)" target/release/cambista-bench $(RUNS)
	$(CARGO) bench --locked -p cambista-benches

BLOCKS ?= 1008
bounds: bitcoind
	$(CARGO) build --locked --release -p cambista -p cambista-tests --bins
	BITCOIND="$$(scripts/bitcoind)" target/release/cambista-bench bounds $(BLOCKS)

# The fuzzer wants switches of the compiler that are not stable yet; any compiler has them when told so.
CARGO_FUZZ_VERSION := 0.13.2
T ?= 60
fuzz:
	@$(CARGO) fuzz --version >/dev/null 2>&1 || $(CARGO) install cargo-fuzz --version $(CARGO_FUZZ_VERSION) --locked --debug
	cd fuzz && for target in messages offers market deal faults swap; do \
		mkdir -p corpus/$$target && \
		RUSTC_BOOTSTRAP=1 $(CARGO) fuzz run $$target corpus/$$target seeds/$$target -- \
			-max_total_time=$(T) -max_len=2500 || exit 1; \
	done

lint: fmt clippy deny doc

fmt:
	@$(CARGO) fmt --version >/dev/null 2>&1 || rustup component add rustfmt
	$(CARGO) fmt --all --check

clippy:
	@$(CARGO) clippy --version >/dev/null 2>&1 || rustup component add clippy
	$(CARGO) clippy --locked --workspace --all-targets
	$(CARGO) clippy --locked --workspace --features cambista/failpoints --bin cambista-failpoints

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
