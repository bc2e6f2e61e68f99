# Every target sets up what it needs, each environment once: .venv (LiteRT; what only developers
# need comes into it with the first test or check), .venv-tflite
# (tflite-runtime, which has wheels up to Python 3.11), .venv-oldest (that with the oldest packages
# allowed), .venv-tritonclient (a client that knows nothing of us), .venv-balancers (Envoy, schemas of
# Kubernetes), .venv-ros2 (ROS 2), .venv-proto (the generator of the stubs), .venv-grafana (that of the
# dashboards), .venv-docs (the site of the documentation), .tools (buf, and mermaid for that site),
# clients/node/node_modules (the client in JavaScript), .home-assistant (what its name says),
# .venv-python3.12 and so on, .pythons (a Python that the machine lacks), .boards (the files of emulated
# boards).
PYTHON ?= python3
PYTHON_TFLITE ?= $(shell scripts/find-python 3.11)
# PyTriton loads the libpython3.11.so of the system.
PYTHON_PEERS ?= /usr/bin/python3.11
PYTHONS ?= 3.12 3.13 3.14
PYTEST_ARGS ?=
FUZZ_COUNT ?= 1000000
# Of `make fuzz`, such as `--seconds 60` or `--target ports --seed 7 --count 1`.
FUZZ_ARGS ?=
# Photographs for the demo, where DeepLab is on this machine.
PICTURES ?=
# `make release FINAL=1` stops where something must not be published.
FINAL ?=

.PHONY: demo test test-tflite test-slow test-oldest test-boards test-pythons check proto proto-baseline reference dashboards bench bench-peers bench-decoders fuzz fuzz-models fuzz-pictures builtin clean docs check-docs docs-pictures release debs audit

PEERS := mlserver pytriton litserve
AUDIT = .venv-release/bin/python scripts/audit.py .venv-release .venv $(wildcard deploy/debian/vendored/*.txt)

demo: .venv/.ready
	.venv/bin/python demo/demo.py $(PICTURES)

test: .venv/.ready-dev .venv-tritonclient/.ready
	.venv/bin/python -m pytest -m "not slow" $(PYTEST_ARGS)

# What depends on the runtime, with the older one.
test-tflite: .venv-tflite/.ready
	@if [ -x .venv-tflite/bin/python ]; then \
	  .venv-tflite/bin/python -m pytest -m "runtime and not slow" $(PYTEST_ARGS); fi

test-slow: .venv/.ready-dev .venv-balancers/.ready .venv-ros2/.ready .home-assistant/.ready clients/node/node_modules/.ready
	.venv/bin/python -m pytest -m slow $(PYTEST_ARGS)

# The same with the oldest packages that pyproject.toml allows: Debian 12's, as on 32-bit boards.
test-oldest: .venv-oldest/.ready
	@if [ -x .venv-oldest/bin/python ]; then \
	  .venv-oldest/bin/python -m pytest -m "not slow" tests/unit tests/integration $(PYTEST_ARGS); fi

# The same with other Pythons.
test-pythons: $(PYTHONS:%=test-python-%)

test-python-%: .venv-python%/.ready
	@if [ -x $(<D)/bin/python ]; then \
	  $(<D)/bin/python -m pytest -m "not slow" tests/unit tests/integration $(PYTEST_ARGS); fi

# The wheel on emulated 64-bit and 32-bit ARM boards, whose files are in .boards (1 GB).
test-boards: .venv/.ready-dev
	EDGESEG_BOARDS=.boards .venv/bin/python -m pytest tests/system/test_boards.py $(PYTEST_ARGS)

check: .venv/.ready-dev .venv-proto/.ready .venv-grafana/.ready .venv-release/.ready .tools/.ready
	.venv/bin/ruff format --check .
	.venv/bin/ruff check --no-cache .
	.venv/bin/mypy
	.tools/node_modules/.bin/buf lint
	.tools/node_modules/.bin/buf breaking --against proto/baseline.binpb
	scripts/check-stubs
	.venv/bin/python scripts/make-reference --check
	.venv-grafana/bin/python deploy/grafana/generate.py --check
	.venv/bin/python -m pytest -q tests/unit/test_import_rules.py
	$(AUDIT)

# The dependencies against the list of known weaknesses, where a service that has it can be reached.
audit: .venv/.ready-dev .venv-release/.ready
	$(AUDIT)

# Everything of a release in dist/: sdist, wheel, Debian packages, bills of materials, changes.
release: .venv-release/.ready
	scripts/make-release $(if $(FINAL),--final) $(PYTHON) .venv-release

# The Debian packages alone, for each kind of machine.
debs: .venv-release/.ready
	scripts/build-deb --tools .venv-release amd64 arm64 armhf

# After a change of the contract: the stubs, and (with a release) what later changes must not break.
proto: .venv-proto/.ready
	scripts/generate-stubs proto

# After a change of a docstring, an option or a command of the client: docs/reference.md.
reference: .venv/.ready-dev
	.venv/bin/python scripts/make-reference

# After a change in deploy/grafana: the files that Grafana reads.
dashboards: .venv-grafana/.ready
	.venv-grafana/bin/python deploy/grafana/generate.py

proto-baseline: .tools/.ready
	.tools/node_modules/.bin/buf build -o proto/baseline.binpb

bench: .venv/.ready-dev
	.venv/bin/python benchmarks/latency.py
	.venv/bin/python benchmarks/overload.py
	.venv/bin/python benchmarks/fairness.py
	.venv/bin/python benchmarks/two_models.py
	.venv/bin/python benchmarks/shared_memory.py
	.venv/bin/python benchmarks/reuse.py
	.venv/bin/python benchmarks/recovery.py
	.venv/bin/python benchmarks/misbehaviour.py
	.venv/bin/python benchmarks/start.py
	.venv/bin/python benchmarks/upsampling.py
	.venv/bin/python benchmarks/polygons.py
	.venv/bin/python benchmarks/throughput.py
	.venv/bin/python benchmarks/auto.py
	.venv/bin/python benchmarks/first_start.py
	.venv/bin/python benchmarks/reduced_scale.py
	.venv/bin/python benchmarks/attack.py

# The same board's frames through other servers, each in an environment of its own.
bench-peers: .venv/.ready-dev $(PEERS:%=.venv-peers/%/.ready)
	.venv/bin/python benchmarks/throughput.py

# Ten million cases, in half an hour: the ports of a daemon, messages of engines, handles, files.
fuzz: .venv/.ready-dev
	.venv/bin/python benchmarks/fuzz.py $(FUZZ_ARGS)

# A million mutated copies of each small model through `models info`.
fuzz-models: .venv/.ready-dev
	.venv/bin/python benchmarks/fuzz_models.py --count $(FUZZ_COUNT) tests/data/cases/models/*.tflite

# A million changed pictures through the decoder; FUZZ_COUNT says how many.
fuzz-pictures: .venv/.ready-dev
	.venv/bin/python benchmarks/fuzz_pictures.py --count $(FUZZ_COUNT)

bench-decoders: .venv-peers/decoders/.ready
	.venv-peers/decoders/bin/python benchmarks/decoders.py

# The pictures of docs/view.md, docs/sources.md and docs/fleet.md, with the built-in model and scenes
# that it knows.
docs-pictures: .venv/.ready-dev
	.venv/bin/python scripts/view_pictures.py
	.venv/bin/python scripts/stream_pictures.py
	.venv/bin/python scripts/fleet_pictures.py

# The pages of docs/ as a site in site/: every link is checked, and it loads nothing from elsewhere.
docs: .venv-docs/.ready .tools/mermaid.min.js
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --quiet --strict --config-file website/mkdocs.yml
	.venv-docs/bin/python website/check_site.py site
	@echo "the site is in site/; to read it: python3 -m http.server --bind 127.0.0.1 --directory site"

# The same, with every page opened in Chromium: scripts run, diagrams are drawn.
check-docs: docs
	.venv-docs/bin/python website/browse_site.py site

# The built-in model and its card, anew; see training/README.md.
builtin: .venv-training/.ready
	.venv-training/bin/python training/train.py

.venv/.ready: pyproject.toml scripts/make-venv
	scripts/make-venv $(PYTHON) .venv '.[daemon]'

# All that .venv/.ready stands for is there then too.
.venv/.ready-dev: pyproject.toml scripts/make-venv
	scripts/make-venv $(PYTHON) .venv '.[daemon,dev,otel]'
	touch $@

.venv-tflite/.ready .venv-oldest/.ready: pyproject.toml scripts/make-venv tests/oldest.txt
	@if [ -n "$(PYTHON_TFLITE)" ]; then \
	  scripts/make-venv $(PYTHON_TFLITE) $(@D) '.[daemon-tflite,dev]' \
	    $(if $(findstring oldest,$@),--constraint tests/oldest.txt); \
	else mkdir -p $(@D); touch $@; \
	  echo "SKIPPED: $(@D), for tflite-runtime has wheels up to Python 3.11; install python3.11"; fi

# Of the Pythons that are missing, Debian's testing has one.
.venv-python%/.ready: pyproject.toml scripts/make-venv scripts/make-python
	@python=$$(scripts/find-python $*); \
	if [ -z "$$python" ] && scripts/make-python $* .pythons/$*; then \
	  python=.pythons/$*/usr/bin/python; fi; \
	if [ -n "$$python" ]; then scripts/make-venv "$$python" $(@D) '.[daemon,dev,otel]'; \
	else mkdir -p $(@D); touch $@; echo "SKIPPED: $(@D), for there is no Python $*"; fi

.venv-tritonclient/.ready: scripts/make-venv tests/tritonclient.txt
	scripts/make-venv $(PYTHON) .venv-tritonclient '' -r tests/tritonclient.txt

.venv-balancers/.ready: scripts/make-venv tests/balancers.txt
	scripts/make-venv $(PYTHON) .venv-balancers '' -r tests/balancers.txt

.home-assistant/.ready: scripts/make-home-assistant
	scripts/make-home-assistant .home-assistant

.venv-ros2/.ready: pyproject.toml scripts/make-venv scripts/make-ros2 tests/ros2.txt $(wildcard tests/system/vision_msgs/* tests/system/vision_msgs/msg/*)
	scripts/make-ros2 "$(PYTHON_TFLITE)" $(@D)

.venv-proto/.ready: pyproject.toml scripts/make-venv
	scripts/make-venv $(or $(PYTHON_TFLITE),$(PYTHON)) .venv-proto '.[proto]'

.venv-peers/%/.ready: pyproject.toml scripts/make-venv benchmarks/peers/%.txt
	@mkdir -p .venv-peers
	scripts/make-venv $(PYTHON_PEERS) .venv-peers/$* '.[daemon]' \
	  -r benchmarks/peers/$*.txt

.venv-training/.ready: training/requirements.txt scripts/make-venv
	scripts/make-venv $(or $(PYTHON_TFLITE),$(PYTHON)) .venv-training '.' -r training/requirements.txt

.venv-release/.ready: scripts/make-venv scripts/release-tools.txt
	scripts/make-venv $(PYTHON) .venv-release '' -r scripts/release-tools.txt

.venv-docs/.ready: scripts/make-venv website/requirements.txt
	scripts/make-venv $(PYTHON) .venv-docs '' -r website/requirements.txt

.venv-grafana/.ready: scripts/make-venv deploy/grafana/requirements.txt
	scripts/make-venv $(PYTHON) .venv-grafana '' -r deploy/grafana/requirements.txt

.tools/mermaid.min.js: scripts/install-mermaid
	scripts/install-mermaid $@

.tools/.ready: scripts/install-buf
	scripts/install-buf .tools

clients/node/node_modules/.ready: clients/node/package.json
	@if command -v npm >/dev/null; then \
	  npm install --silent --no-fund --no-audit --prefix clients/node && touch $@; \
	else echo "SKIPPED: the client in JavaScript, for npm is missing; on Debian: apt install npm"; fi

clean:
	rm -rf .venv .venv-tflite .venv-oldest .venv-tritonclient .venv-balancers .venv-ros2 .venv-proto .venv-training
	rm -rf .venv-peers .venv-python* .pythons .boards
	rm -rf .venv-docs .venv-grafana .venv-release .tools .home-assistant demo-output dist site clients/node/node_modules clients/cpp/build
