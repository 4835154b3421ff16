.PHONY: demo test soak bench check

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
PYTEST = $(BIN)/python -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder # one of the three mostly waits

# Exit code 4 says that not everything went through, which the demo's dirty file is there to show.
show = @echo; echo '$$ python main.py $(1)'; $(BIN)/python main.py $(1) || test $$? -eq 4

demo: $(VENV)/user-ready
	$(call show,import leads.csv --sandbox)
	$(call show,segment 1900-01-01 --sandbox)
	$(call show,qualify 123 120 129 128 --sandbox)

test: $(VENV)/developer-ready
	$(PYTEST)

# The tests that kill commands at random and lose their answers, far more often than `make test` does.
soak: $(VENV)/developer-ready
	SOAK_KILLS=200 SOAK_SEEDS=20 $(PYTEST) tests/test_kill.py tests/test_qualify_kill.py tests/test_lost_answers.py

# How fast, beside what one would use without the product; up to 20 minutes, and best with nothing else going on.
bench: $(VENV)/developer-ready
	$(BIN)/python -m benchmarks

check: $(VENV)/developer-ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(PYTEST)

$(VENV)/user-ready: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/developer-ready: requirements-dev.txt $(VENV)/user-ready
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@
