"""Reports values to whoever started the experiment, finds code of others, seeds. Travels with the code; do not edit.

Every value becomes one JSON line in the file named by NANORESEARCH_RESULTS, or in results.jsonl. Code of others
that the program is built on, if any, comes last on the search path, so that it takes the place of nothing else.
"""

import json
import math
import os
import random
import sys
from pathlib import Path

RESULTS = os.environ.get("NANORESEARCH_RESULTS", "results.jsonl")
UPSTREAM = Path(__file__).absolute().parent / "upstream"
sys.path += [str(folder) for folder in (UPSTREAM, UPSTREAM / "src") if folder.is_dir()]


def seed_all(seed):
    """Seed what code without a generator of its own draws from: Python, and NumPy and torch where they are loaded."""
    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed % 2**32)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)


def report(method, dataset, metric, value, seed, condition=""):
    """Record a result. Raises ValueError when the value is not a finite number."""
    _append("result", method, dataset, metric, value, seed, condition)


def measure(method, dataset, metric, value, seed, condition=""):
    """Record a measurement of time, memory or size, which may differ from machine to machine."""
    _append("measurement", method, dataset, metric, value, seed, condition)


def _append(kind, method, dataset, metric, value, seed, condition):
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{metric} of {method} on {dataset} is {number}, not a finite number")
    line = {
        "method": method,
        "dataset": dataset,
        "metric": metric,
        "value": number,
        "seed": int(seed),
        "condition": str(condition),
        "kind": kind,
    }
    with open(RESULTS, "a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
