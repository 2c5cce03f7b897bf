# `make demo` and `make test` need only Python >= 3.11; both make their own environment in .venv.
PYTHON ?= python3
VENV ?= .venv
DEMO_OUT ?= ridgeflow-out
BIN := $(VENV)/bin

.PHONY: demo test slow lint docs figures clean

demo: $(VENV)/installed-demo
	$(BIN)/ridgeflow demo --out $(DEMO_OUT)

# Two processes suit two cores and the memory of a laptop.
test: $(VENV)/installed-test
	$(BIN)/python -m pytest -n 2

slow: $(VENV)/installed-test
	$(BIN)/python -m pytest -n 2 -m slow || [ $$? -eq 5 ]  # 5: no test is marked slow

lint: $(VENV)/installed-dev
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

docs: $(VENV)/installed-docs
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

# What README and docs show and takes long: the demo, and the largest of the published experiments.
figures: $(VENV)/installed-demo
	$(BIN)/ridgeflow demo --out docs/_build/demo
	cp docs/_build/demo/trajectories.png docs/_static/trajectories.png
	$(BIN)/python examples/unbounded_activations_2d.py --full --out docs/_static > \
		docs/_build/head.txt
	grep -v '^figure\|^nine cells' docs/_build/head.txt > docs/_static/unbounded_activations_2d.txt

$(VENV)/installed-%: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "error: Python >= 3.11 is needed, got $$($(PYTHON) --version 2>&1)" \
		"(make PYTHON=python3.12 ...)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[$*]"
	touch $@

clean:
	rm -rf $(VENV) docs/_build docs/_examples docs/theorems docs/api/generated
