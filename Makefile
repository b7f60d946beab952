# chatapp's commands. Each can be run again at any time; `make help` lists them.

PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$python && break; done)
VENV := .venv
BIN := $(VENV)/bin
MODEL_VENV := .venv-model
MODEL_PORT ?= 8001
PIP := -m pip --disable-pip-version-check --no-input --quiet
LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header

.DEFAULT_GOAL := help
.PHONY: help run test test-share test-others test-browser check lock bench bench-full soak stream-doctor screenshot local-model install install-test

help: ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

run: install ## serve chatapp, after building what it needs
	@$(BIN)/flask --app wsgi db upgrade
	@$(BIN)/flask --app wsgi welcome
	@exec $(BIN)/gunicorn -c deploy/gunicorn.conf.py wsgi:app

# Most tests wait more than they work, so two runs go on side by side. The browser's is one of its own in any case:
# Playwright's own event loop must stay out of a process that gevent has patched.
SHARE := tests/bench tests/deploy tests/machines tests/turns
PYTEST := $(BIN)/python -m pytest
TOGETHER := --no-print-directory --keep-going --jobs=2 $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)

test: install-test ## run the tests
	@deploy/missing-tools
	@echo "Three runs, two at a time, for some twelve minutes; each one's output follows when it has ended."
	@$(MAKE) $(TOGETHER) test-others test-share test-browser

test-share:
	@$(PYTEST) -p tests.gevent_patch $(SHARE)

test-others:
	@$(PYTEST) -p tests.gevent_patch tests $(addprefix --ignore=,$(SHARE) tests/browser)

test-browser:
	@$(PYTEST) tests/browser

check: install-test ## lint, format, types and layers
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

# One lock for Python 3.11 to 3.13. Needs uv; nothing else here does.
lock: ## compile requirements*.txt anew
	@$(LOCK) requirements.in -o requirements.txt
	@$(LOCK) requirements-test.in -o requirements-test.txt
	@$(LOCK) deploy/local-model-requirements.in -o deploy/local-model-requirements.txt

bench: install ## measure the chief costs for about ten minutes, and write docs/performance.md (BENCH="--rounds 1")
	@$(BIN)/python -m bench --quick --write $(BENCH)

bench-full: install-test ## measure everything, for more than an hour, and write docs/performance.md
	@$(BIN)/python -m bench --rounds 5 --write $(BENCH)

soak: install-test ## ten minutes under load, readers cut off, workers killed: no word may be lost (SOAK="--minutes 1")
	@$(BIN)/python -m bench.soak $(SOAK)

stream-doctor: ## write the stream tester as one file that Python runs anywhere: stream-doctor.pyz
	@$(PYTHON) -c 'from pathlib import Path; from chatapp.doctor.one_file import write_file; write_file(Path("$@.pyz"))'
	@echo "python3 $@.pyz URL --token TOKEN"

screenshot: install-test ## take the README's picture anew
	@CHATAPP_SCREENSHOT=docs/screenshot.png $(BIN)/python -m pytest tests/browser/test_screenshot.py

local-model: $(MODEL_VENV)/requirements.stamp ## serve a small real model for development (compiles for minutes)
	@echo "OPENAI_BASE_URL=http://127.0.0.1:$(MODEL_PORT)/v1 OPENAI_API_KEY=local CHATAPP_DEFAULT_MODEL=smollm2 make run"
	@exec $(MODEL_VENV)/bin/python -m llama_cpp.server --interrupt_requests false --host 127.0.0.1 \
		--port $(MODEL_PORT) --model_alias smollm2 --chat_format chatml \
		--model "$$($(MODEL_VENV)/bin/python deploy/local_model.py)"

install: $(VENV)/requirements.stamp
install-test: $(VENV)/requirements-test.stamp ## build what the tests need

# The stamps make an install happen only when its lock, or the environment itself, is new.
$(VENV)/requirements.stamp: requirements.txt | $(BIN)/python
	@echo "Installing requirements.txt into $(VENV) ..."
	@$(BIN)/python $(PIP) install --require-hashes --only-binary :all: -r requirements.txt
	@touch $@

$(VENV)/requirements-test.stamp: requirements-test.txt $(VENV)/requirements.stamp
	@echo "Installing requirements-test.txt into $(VENV) ..."
	@$(BIN)/python $(PIP) install --require-hashes --only-binary :all: -r requirements.txt -r requirements-test.txt
	@touch $@

$(MODEL_VENV)/requirements.stamp: deploy/local-model-requirements.txt | $(MODEL_VENV)/bin/python
	@echo "Installing deploy/local-model-requirements.txt into $(MODEL_VENV); llama.cpp is compiled, for minutes ..."
	@$(MODEL_VENV)/bin/python $(PIP) install --require-hashes -r deploy/local-model-requirements.txt
	@touch $@

$(BIN)/python $(MODEL_VENV)/bin/python:
	@$(if $(PYTHON),,echo "chatapp needs Python 3.11 or newer, and none was found; try make PYTHON=/path/to/python3" >&2; exit 1)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
		"chatapp needs Python 3.11 or newer; $(PYTHON) is " + sys.version.split()[0])'
	@$(PYTHON) -m venv $(@D:/bin=)
