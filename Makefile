# Every target makes .venv and installs what it needs first; when that was done before it costs nothing.
# PYTHON=python3.12 picks the interpreter, CHAKRA_TEST_DSN=postgresql://… the server for the tests.

VENV ?= .venv
export CHAKRA_VENV := $(VENV)

.PHONY: help demo test check package bench figures docs dashboard clean

help:
	@echo "make demo       real data through both paths, with a picture at the end"
	@echo "make test       the whole test suite, on a PostgreSQL it starts itself"
	@echo "make check      lint, formatting, mypy, pyright, rules of the architecture"
	@echo "make package    build wheel and sdist, install and run each in a clean environment"
	@echo "make bench      measure Chakra beside other libraries, one table"
	@echo "make figures    put what make bench measured last into README, docs and charts"
	@echo "make docs       build the documentation into site/"
	@echo "make dashboard  the history of the benchmarks as a web page in .asv/html"

demo:
	@ci/venv.sh demo
	@$(VENV)/bin/chakra demo

test:
	@ci/test.sh

check:
	@ci/check.sh

package:
	@ci/package.sh

bench:
	@ci/venv.sh bench
	@$(VENV)/bin/chakra bench

figures:
	@ci/venv.sh bench
	@$(VENV)/bin/python ci/figures.py asv_bench/results/latest

docs:
	@ci/venv.sh docs
	@$(VENV)/bin/python ci/pages.py
	@$(VENV)/bin/python ci/notebook.py
	@$(VENV)/bin/zensical build --strict

# RUN=1 measures HEAD first and keeps it with the other commits; else nothing is measured.
dashboard:
	@ci/venv.sh dashboard
	@$(if $(RUN),$(VENV)/bin/python -m asv_bench.history add HEAD)
	@$(VENV)/bin/python -m asv_bench.dashboard

clean:
	rm -rf .venv .demo site build dist .asv .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find chakra tests -name __pycache__ -prune -exec rm -rf {} +
