.PHONY: demo test soak simulate bench check pictures

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

# An environment in which nothing helps that only this machine has: no variables, and no settings in a home.
BARE = env -i PATH="$$PATH" HOME="$(abspath $(VENV))/home" LANG=C.UTF-8 $${TMPDIR:+TMPDIR="$$TMPDIR"}

# The tests write thousands of small files and wait until each is on disk. Where there is a disk in memory with enough
# room, they are a quarter faster on that.
MEMORY = $(shell df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 4000000 {print "TMPDIR=/dev/shm"}')
PYTEST = $(BARE) $(MEMORY) $(SOAK) $(BIN)/python -m pytest --numprocesses 3 --dist loadscope --no-loadscope-reorder

# Exit code 4 says that not everything went through, which the demo's dirty file is there to show.
show = @echo; echo '$$ python main.py $(1)'; $(BIN)/python main.py $(1) || test $$? -eq 4

demo: $(VENV)/user-ready
	@echo 'Importing a sample file, summing it up and checking four people: a few seconds.'
	$(call show,import leads.csv --sandbox)
	$(call show,segment 1900-01-01 --sandbox)
	$(call show,qualify 123 120 129 128 --sandbox)

test: $(VENV)/developer-ready
	@echo 'Running all tests: about seven minutes on two cores.'
	$(PYTEST)

# The tests that kill commands at random and lose their answers, far more often than `make test` does.
soak: SOAK = SOAK_KILLS=200 SOAK_SEEDS=8
soak: $(VENV)/developer-ready
	@echo 'Killing commands and losing their answers many times over: about a quarter of an hour on two cores.'
	$(PYTEST) tests/importing/test_kill.py tests/qualifying/test_qualify_kill.py tests/importing/test_lost_answers.py

# Imports and undos in one process, under a seeded clock, network and disk: thousands of histories, each from a seed.
simulate: $(VENV)/developer-ready
	@echo 'Playing histories on all cores: five minutes.'
	$(BARE) $(BIN)/python -m tests.simulation --kind all

# How fast, beside what one would use without the product; up to 20 minutes, and best with nothing else going on.
bench: $(VENV)/developer-ready
	$(BIN)/python -m benchmarks

# The pictures of README and docs, from real runs. Only the pages need Chromium.
pictures: $(VENV)/developer-ready
	@echo 'Making the pictures in docs/pictures: about ten seconds.'
	$(BIN)/python docs/pictures.py

check: $(VENV)/developer-ready
	@echo 'Checking style and types, then running all tests: about eight minutes on two cores.'
	$(BARE) $(BIN)/ruff check .
	$(BARE) $(BIN)/ruff format --check .
	$(BARE) $(BIN)/mypy
	$(PYTEST)

$(VENV)/user-ready: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	@echo 'Making a virtual environment in $(VENV): a few seconds.'
	$(PYTHON) -m venv $(VENV)
	@echo 'Installing the packages that the product needs: about a minute, by your connection.'
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/developer-ready: requirements-dev.txt $(VENV)/user-ready
	@echo 'Installing the packages that the tests and checks need: about a minute, by your connection.'
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@
