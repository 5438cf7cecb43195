# A fresh Linux machine with python3, pip, venv and make is all that these need.
PYTHON ?= python3
VENV ?= .venv
PY = $(VENV)/bin/python
STAMP = $(VENV)/.installed
PROVE_TIMES ?= 1000

.PHONY: demo test quick check prove bench picture docs clean

demo: $(STAMP)  ## real clients against flaky peers, with the wire timeline printed
	$(PY) -m pytest tests/examples/demo -s -q -p no:randomly -p no:cacheprovider

# Where each line is meant to be met; measuring it makes a test take half as long again, and the others repeat.
COVERING = tests/unit tests/contract tests/wire tests/plugin

test: $(STAMP)  ## the whole suite, with branch coverage of what its first part runs
	$(PY) -m coverage erase
	$(PY) -m coverage run -m pytest -n 3 --all $(COVERING)
	$(PY) -m coverage combine -q
	$(PY) -m coverage report --fail-under=90
	$(PY) -m pytest -n 3 --all $(addprefix --ignore=,$(COVERING))

quick: $(STAMP)  ## the inner loop, in one trigger mode
	$(PY) -m pytest -n 3 --dist worksteal -x -m "not slow" --one-mode --prove-times=2 tests/unit tests/contract tests/wire tests/architecture

check: $(STAMP)  ## everything that reads the code without running the server
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	$(PY) -m pyright
	$(PY) -m pytest -q -p no:randomly tests/architecture
	$(PY) scripts/check_fragments.py

prove: $(STAMP)  ## the five promises, a thousand times each
	$(PY) -m pytest tests/proofs -p no:randomly --prove-times=$(PROVE_TIMES)

bench: $(VENV)/.installed-bench  ## side by side with a raw epoll loop, as ratios of CPU time
	$(PY) -m benchmarks

picture: $(VENV)/.installed-bench  ## the same, and the plot that README and docs show is drawn anew
	$(PY) -m benchmarks --picture docs/_static/benchmarks

docs: $(STAMP)
	$(PY) -m sphinx -W --keep-going -n -q docs docs/_build/html

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --editable ".[dev]"
	touch $(STAMP)

# Whom we compare with need not be there: the benchmarks say who is missing.
$(VENV)/.installed-bench: $(STAMP)
	-$(PY) -m pip install --quiet --editable ".[bench]"
	touch $@

clean:
	rm -rf $(VENV) docs/_build .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache dist
