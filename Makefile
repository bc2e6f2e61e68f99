# Every target sets up what it needs, each environment once: .venv (LiteRT; what only developers
# need comes into it with the first test or check), .venv-tflite
# (tflite-runtime, which has wheels up to Python 3.11), .venv-oldest (that with the oldest packages
# allowed), .venv-tritonclient (a client that knows nothing of us), .venv-proto (the generator of the
# stubs), .tools (buf).
PYTHON ?= python3
PYTHON_TFLITE ?= $(shell scripts/find-python 3.11)
# PyTriton loads the libpython3.11.so of the system.
PYTHON_PEERS ?= /usr/bin/python3.11
PYTEST_ARGS ?=

.PHONY: demo test test-tflite test-slow test-oldest check proto proto-baseline bench bench-peers bench-decoders builtin clean

PEERS := mlserver pytriton litserve

demo: .venv/.ready
	.venv/bin/python demo/demo.py

test: .venv/.ready-dev .venv-tritonclient/.ready
	.venv/bin/python -m pytest -m "not slow" $(PYTEST_ARGS)

# What depends on the runtime, with the older one.
test-tflite: .venv-tflite/.ready
	@if [ -x .venv-tflite/bin/python ]; then \
	  .venv-tflite/bin/python -m pytest -m "runtime and not slow" $(PYTEST_ARGS); fi

test-slow: .venv/.ready-dev
	.venv/bin/python -m pytest -m slow $(PYTEST_ARGS)

# The same with the oldest packages that pyproject.toml allows: Debian 12's, as on 32-bit boards.
test-oldest: .venv-oldest/.ready
	@if [ -x .venv-oldest/bin/python ]; then \
	  .venv-oldest/bin/python -m pytest -m "not slow" tests/unit tests/integration $(PYTEST_ARGS); fi

check: .venv/.ready-dev .venv-proto/.ready .tools/.ready
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.tools/node_modules/.bin/buf lint
	.tools/node_modules/.bin/buf breaking --against proto/baseline.binpb
	scripts/check-stubs
	.venv/bin/python -m pytest -q tests/unit/test_import_rules.py

# After a change of the contract: the stubs, and (with a release) what later changes must not break.
proto: .venv-proto/.ready
	scripts/generate-stubs proto

proto-baseline: .tools/.ready
	.tools/node_modules/.bin/buf build -o proto/baseline.binpb

bench: .venv/.ready-dev
	.venv/bin/python benchmarks/latency.py
	.venv/bin/python benchmarks/overload.py
	.venv/bin/python benchmarks/fairness.py
	.venv/bin/python benchmarks/two_models.py
	.venv/bin/python benchmarks/shared_memory.py
	.venv/bin/python benchmarks/recovery.py
	.venv/bin/python benchmarks/misbehaviour.py
	.venv/bin/python benchmarks/start.py
	.venv/bin/python benchmarks/upsampling.py
	.venv/bin/python benchmarks/throughput.py
	.venv/bin/python benchmarks/auto.py
	.venv/bin/python benchmarks/first_start.py
	.venv/bin/python benchmarks/reduced_scale.py
	.venv/bin/python benchmarks/attack.py

# The same board's frames through other servers, each in an environment of its own.
bench-peers: .venv/.ready-dev $(PEERS:%=.venv-peers/%/.ready)
	.venv/bin/python benchmarks/throughput.py

bench-decoders: .venv-peers/decoders/.ready
	.venv-peers/decoders/bin/python benchmarks/decoders.py

# The built-in model and its card, anew; see training/README.md.
builtin: .venv-training/.ready
	.venv-training/bin/python training/train.py

.venv/.ready: pyproject.toml scripts/make-venv
	scripts/make-venv $(PYTHON) .venv '.[daemon]'

# All that .venv/.ready stands for is there then too.
.venv/.ready-dev: pyproject.toml scripts/make-venv
	scripts/make-venv $(PYTHON) .venv '.[daemon,dev]'
	touch $@

.venv-tflite/.ready .venv-oldest/.ready: pyproject.toml scripts/make-venv tests/oldest.txt
	@if [ -n "$(PYTHON_TFLITE)" ]; then \
	  scripts/make-venv $(PYTHON_TFLITE) $(@D) '.[daemon-tflite,dev]' \
	    $(if $(findstring oldest,$@),--constraint tests/oldest.txt); \
	else mkdir -p $(@D); touch $@; \
	  echo "SKIPPED: $(@D), for tflite-runtime has wheels up to Python 3.11; install python3.11"; fi

.venv-tritonclient/.ready: scripts/make-venv tests/tritonclient.txt
	scripts/make-venv $(PYTHON) .venv-tritonclient '' -r tests/tritonclient.txt

.venv-proto/.ready: pyproject.toml scripts/make-venv
	scripts/make-venv $(or $(PYTHON_TFLITE),$(PYTHON)) .venv-proto '.[proto]'

.venv-peers/%/.ready: pyproject.toml scripts/make-venv benchmarks/peers/%.txt
	@mkdir -p .venv-peers
	scripts/make-venv $(PYTHON_PEERS) .venv-peers/$* '.[daemon]' \
	  -r benchmarks/peers/$*.txt

.venv-training/.ready: training/requirements.txt scripts/make-venv
	scripts/make-venv $(or $(PYTHON_TFLITE),$(PYTHON)) .venv-training '.' -r training/requirements.txt

.tools/.ready: scripts/install-buf
	scripts/install-buf .tools

clean:
	rm -rf .venv .venv-tflite .venv-oldest .venv-tritonclient .venv-proto .venv-training .venv-peers
	rm -rf .tools demo-output dist
