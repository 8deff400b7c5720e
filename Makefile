# The only commands a person needs. `make` alone lists them.

DIAGNOSE := cargo run --release --locked --quiet --bin diagnose --
ORACLE := fixtures/oracle
WORLD := fixtures/world
FUZZ_SECONDS ?= 600
NOTEBOOKS := target/notebooks-venv

# Where `make install` puts things; DESTDIR goes before it, for those who make packages.
PREFIX ?= $(HOME)/.local
INSTALLED := $(DESTDIR)$(PREFIX)
BASH_COMPLETION := $(INSTALLED)/share/bash-completion/completions/diagnose
ZSH_COMPLETION := $(INSTALLED)/share/zsh/site-functions/_diagnose
FISH_COMPLETION := $(INSTALLED)/share/fish/vendor_completions.d/diagnose.fish
MANUAL := $(INSTALLED)/share/man/man1

.PHONY: help demo test kernels pages check bench fuzz world install uninstall notebooks strip-notebooks
.DEFAULT_GOAL := help

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

demo: ## build, foresee a collapse, compare a healthy, a fatal and a cured edit, then run the papers' experiments (about 10 minutes)
	@.ci/setup compiler
	cargo build --release --locked
	@printf '\n%s\n%s\n\n' '1. Before any edit: would ROME break this model on the facts that a user wants to change?' \
		'   The model runs up to the layer that would be edited; nothing is changed.'
	@$(DIAGNOSE) keys --model $(ORACLE) --case $(ORACLE)/cases.json --layer 0 --contexts $(ORACLE)/contexts.json --moments $(ORACLE)/second_moment.npz --top 3
	@printf '\n%s\n%s\n\n' '2. A healthy edit: ROME rewrites one fact.' \
		'   The model reads held-out text nearly as well as before (perplexity 2.85 before, 3.07 after).'
	@$(DIAGNOSE) deltas $(ORACLE)/model.safetensors $(ORACLE)/after-rome-normal.safetensors
	@printf '\n%s\n%s\n\n' '3. The same method on a fact whose subject is the first token: the edit landed, and the model is gone (perplexity 2,885).' \
		'   No text was generated to find out; the weights tell.'
	@$(DIAGNOSE) deltas $(ORACLE)/model.safetensors $(ORACLE)/after-rome-collapse.safetensors
	@printf '\n%s\n\n' '4. The cure: the same fact with C-ROME, which uses one key in both places (perplexity 2.87).'
	@$(DIAGNOSE) deltas $(ORACLE)/model.safetensors $(ORACLE)/after-c-rome-collapse.safetensors
	@printf '\n%s\n%s\n\n' "5. All of it at once: the papers' experiments on a small trained model, each claim beside what was published." \
		'   Every case is edited here and now, with ROME, its variants, MEMIT, EMMET, FT and RECT; it takes some minutes.'
	@rm -rf target/reproduction
	@$(DIAGNOSE) reproduce --model $(WORLD)/model -o target/reproduction

# On OpenBLAS all but the kernels, which have nothing to do with it. One thread of it: the tests start programs, and when a process forks OpenBLAS ends its threads, also those at work.
test: ## every test, and again on the system's LAPACK where OpenBLAS is found
	@.ci/setup compiler kernels lapack
	cargo test --locked
	@if pkg-config --exists openblas 2>/dev/null; then \
		echo 'the same with --features lapack, on OpenBLAS '"$$(pkg-config --modversion openblas)"; \
		OPENBLAS_NUM_THREADS=1 DIAGNOSE_BLAS=require cargo test --locked --features lapack --lib --bins --examples --test tests; \
	else \
		echo 'SKIPPED: the tests with --features lapack, because pkg-config finds no OpenBLAS'; \
	fi

kernels: ## the CUDA kernels without a GPU: every one run on the CPU, and compiled for three GPUs (DIAGNOSE_REQUIRE_NVRTC=1: or fail)
	@.ci/setup compiler kernels nvrtc
	@nvidia=$$(echo "$$PWD"/target/nvrtc-venv/lib/python3*/site-packages/nvidia/cu13); \
	LD_LIBRARY_PATH=$$nvidia/lib DIAGNOSE_PTXAS=$$nvidia/bin/ptxas DIAGNOSE_REQUIRE_KERNELS=1 cargo test --locked --test kernels

pages: ## open the HTML report in a headless Chromium: sorting, names, contrast, narrow screens, paper (DIAGNOSE_BROWSER=require: or fail)
	@.ci/setup compiler browser
	cargo test --locked --test tests --no-run
	@python3 tests/page/check.py target/debug/diagnose target/pages; status=$$?; \
	if [ $$status -eq 3 -o $$status -eq 127 ] && [ "$$DIAGNOSE_BROWSER" != require ]; then \
		echo 'SKIPPED: the checks of the HTML report, because there is no Chromium with its driver'; \
	else \
		exit $$status; \
	fi

check: ## format, lints with every set of features, documentation, and the rules of ARCHITECTURE.md
	@.ci/setup compiler lints lapack
	cargo fmt --all --check
	cargo clippy --locked --all-targets -- -D warnings
	cargo clippy --locked --all-targets --features lapack -- -D warnings
	cargo clippy --locked --all-targets --no-default-features -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --locked --no-deps --document-private-items
	cargo test --locked --test tests tidy::

bench: ## our benchmarks, then ours beside torch, NumPy and LAPACK (needs benches/peers/requirements.txt in .venv)
	@.ci/setup compiler
	cargo bench --locked
	cargo build --release --locked
	benches/peers/compare.sh
	benches/peers/growth.sh
	benches/peers/models.sh
	benches/peers/edits.sh
	.venv/bin/python benches/peers/permutations_scipy.py

fuzz: ## every fuzz target for FUZZ_SECONDS (600)
	@.ci/setup compiler fuzz
	@targets=$$(cargo +nightly fuzz list) && for target in $$targets; do \
		echo "fuzzing $$target for $(FUZZ_SECONDS) s"; \
		mkdir -p "fuzz/corpus/$$target"; \
		cargo +nightly fuzz run "$$target" "fuzz/corpus/$$target" "fuzz/seeds/$$target" -- \
			-dict=fuzz/safetensors.dict -max_total_time=$(FUZZ_SECONDS) || exit 1; \
	done

world: ## train the two models of fixtures/world again (about 10 minutes; continues where it was stopped)
	@.ci/setup compiler
	cargo run --release --locked --example world
	git diff --stat fixtures/world

install: ## the program, completions of three shells and manual pages, below PREFIX (~/.local)
	@.ci/setup compiler
	cargo install --locked --no-track --force --path . --root '$(INSTALLED)'
	@mkdir -p '$(dir $(BASH_COMPLETION))' '$(dir $(ZSH_COMPLETION))' '$(dir $(FISH_COMPLETION))' '$(MANUAL)'
	'$(INSTALLED)/bin/diagnose' completions bash -o '$(BASH_COMPLETION)'
	'$(INSTALLED)/bin/diagnose' completions zsh -o '$(ZSH_COMPLETION)'
	'$(INSTALLED)/bin/diagnose' completions fish -o '$(FISH_COMPLETION)'
	'$(INSTALLED)/bin/diagnose' man --dir '$(MANUAL)'

uninstall: ## take away what install put there
	rm -f '$(INSTALLED)/bin/diagnose' '$(BASH_COMPLETION)' '$(ZSH_COMPLETION)' '$(FISH_COMPLETION)' '$(MANUAL)'/diagnose.1 '$(MANUAL)'/diagnose-*.1

notebooks: ## run every notebook on fixtures/world (needs Python with venv; DIAGNOSE_NOTEBOOKS=require makes that a failure)
	@.ci/setup compiler
	@# As the tests build it: nothing is compiled twice.
	cargo test --locked --test tests --no-run
	@if .ci/setup python; then \
		for book in notebooks/*.ipynb; do \
			echo "running $$book"; \
			PATH="$(CURDIR)/target/debug:$(CURDIR)/$(NOTEBOOKS)/bin:$$PATH" DIAGNOSE_CONFIG=none \
				$(NOTEBOOKS)/bin/jupyter-execute --timeout=900 "$$book" || exit 1; \
		done; \
	elif [ "$${DIAGNOSE_NOTEBOOKS:-}" = require ]; then \
		exit 1; \
	else \
		echo 'SKIPPED: the notebooks, because their Python packages cannot be had here'; \
	fi

strip-notebooks: ## take outputs out of the notebooks, as they are stored
	python3 notebooks/strip.py notebooks/*.ipynb
