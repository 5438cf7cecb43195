# A fresh Linux machine with python3, pip, venv and make is all that these need.
PYTHON ?= python3
VENV ?= .venv
PY = $(VENV)/bin/python
STAMP = $(VENV)/.installed
PROVE_TIMES ?= 1000
QUICK = quick-unit quick-contract quick-wire

# Where this is set, every process of every run compiles all tests and the package anew: a third of what a run takes.
export PYTHONDONTWRITEBYTECODE =

.PHONY: demo test quick $(QUICK) check prove bench picture docs clean

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

# Three processes, so that one has work while others wait. Each collects its own part alone, and no test has to be
# reported from one process to another, which takes longer than most of these tests.
quick: $(STAMP)  ## the inner loop, in one trigger mode
	+@$(MAKE) --no-print-directory --output-sync=target -j3 $(QUICK)

$(QUICK): quick-%: $(STAMP)
	@$(PY) -m pytest -q -x -p no:cacheprovider -o faulthandler_timeout=0 -m "not slow" --one-mode tests/$*

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
