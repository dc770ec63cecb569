# Everything runs from a virtual environment that these targets make themselves.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
# Compiled once, not for each of the hundreds of commands that tests start, whatever the environment says.
export PYTHONDONTWRITEBYTECODE =
export PYTHONPYCACHEPREFIX ?= $(CURDIR)/build/pycache
# Processes that share the tests (on two processors: two of four mostly wait for real clocks), and what is tried on the
# built wheel.
WORKERS ?= 4
# The soak: how long, how many sessions at once, the part of them that vanishes, and TLS where this is not empty.
MINUTES ?= 10
SESSIONS ?= 50
BROKEN ?= 0.2
TLS ?=
# Mutants of our own roles: how many are drawn, by which seed, from one area alone, and a page for the result.
N ?= 200
SEED ?= 1
AREA ?=
DOCS ?=
WHEEL_TESTS ?= tests/test_installed.py tests/test_examples.py tests/exi/test_vectors.py \
  $(addprefix tests/plugfest/test_,cli.py config.py live.py mqtt.py personalities.py pki.py pnc.py run.py) \
  $(addprefix tests/conformance/test_,by_pytest.py campaign.py catalogue.py plugin.py)

.PHONY: demo test own-roles lint wheel-test interop slow mutants bench soak clean

demo: $(VENV)/.run  ## a whole DC session between both roles, in this process, its summary and its report
	mkdir -p build
	$(BIN)/plugfest demo --trace build/demo.jsonl --pcapng build/demo.pcapng
	$(BIN)/plugfest report build/demo.jsonl -o build/demo.html

test: $(VENV)/.dev  ## every test but the slow and external ones
	$(BIN)/python -m pytest -n $(WORKERS)

own-roles: $(VENV)/.dev  ## the runs of ISO 15118-20 that `make test` leaves out, against our own roles in virtual time
	$(BIN)/python -m pytest -q -m slow -k ISO20 -n $(WORKERS) tests/conformance/test_own_roles.py::test_our_own_role_passes

lint: $(VENV)/.dev  ## style, types, package layering
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

wheel-test: $(VENV)/.dev  ## the built wheel, away from the source tree: complete, and commands, campaigns and codec work
	rm -rf build/wheel && mkdir -p build/wheel
	$(BIN)/python -m build --wheel --outdir build/wheel .
	$(PYTHON) -m venv build/wheel/venv
	build/wheel/venv/bin/pip install -q "$$(ls $(CURDIR)/build/wheel/*.whl)[test]"
	cp -r tests docs examples README.md pyproject.toml build/wheel/  # what tests read; no packages
	cd build/wheel && PLUGFEST_SHARED="$${PLUGFEST_SHARED:-$(CURDIR)/../shared}" PLUGFEST_SOURCE="$(CURDIR)" \
	venv/bin/python -Im pytest -q -n $(WORKERS) $(WHEEL_TESTS)

interop: $(VENV)/.dev .interop/venv/pki .interop/pyslac/.ready  ## against an independent implementation; needs root, Java and network namespaces
	PLUGFEST_PEER_VENV=$${PLUGFEST_PEER_VENV:-$(CURDIR)/.interop/venv} \
	PLUGFEST_PYSLAC_VENV=$${PLUGFEST_PYSLAC_VENV:-$(CURDIR)/.interop/pyslac} $(BIN)/python -m pytest -m interop tests/interop -v

slow: $(VENV)/.dev  ## long fuzzing and large simulations; the slowest and the whole time at the end
	$(BIN)/python -m pytest -m "slow and netns"  # in real time: limits of 0.1 s want the machine to themselves
	$(BIN)/python -m pytest -m "slow and not netns" -n $(WORKERS) --durations=10

soak: $(VENV)/.dev  ## many sessions for long (MINUTES, SESSIONS, BROKEN, TLS): fails if anything grows or an end is unaccounted for
	$(BIN)/python -m benchmarks.soak --minutes $(MINUTES) --sessions $(SESSIONS) --broken $(BROKEN) $(if $(TLS),--tls)

mutants: $(VENV)/.dev  ## a sample of N mutants of our own roles (SEED, AREA): which the conformance runs notice, and what survives
	cd tests && $(CURDIR)/$(BIN)/python -m mutants -n $(N) --seed $(SEED) $(if $(AREA),--area "$(AREA)") \
	--jobs $(WORKERS) $(if $(DOCS),--docs $(DOCS))

bench: $(VENV)/.dev  ## benchmarks, as ratios within one run
	$(BIN)/python -m benchmarks

.interop/venv/pki:
	mkdir -p .interop
	test -n "$$PLUGFEST_PEER_VENV" || tests/interop/setup_peer.sh .interop/venv

.interop/pyslac/.ready:
	mkdir -p .interop
	test -n "$$PLUGFEST_PYSLAC_VENV" || $(PYTHON) -m venv .interop/pyslac
	# one of its dependencies does not name the newest release that it works with
	test -n "$$PLUGFEST_PYSLAC_VENV" || .interop/pyslac/bin/pip install -q "pyslac==0.8.3" "marshmallow<4"
	test -n "$$PLUGFEST_PYSLAC_VENV" || touch $@

clean:
	rm -rf $(VENV) build .interop .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: $(VENV)/bin/python pyproject.toml
	$(BIN)/pip install -q -e .
	touch $@

$(VENV)/.dev: $(VENV)/bin/python pyproject.toml
	$(BIN)/pip install -q -e '.[dev]'
	touch $@ $(VENV)/.run
