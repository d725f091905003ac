"""Figures by generated code: checked before it runs, run in a sandbox on recorded values, and looked at afterwards.

What a script draws is held against the values that it took; the audit runs it again. Code that tries to deceive from
inside its own process is kept from files, network and imports, not from drawing a wrong picture on purpose.
"""

import ast
import json
import math
import sys
import tempfile
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path

from nanoresearch.execution.executor import STDERR, JobRequest
from nanoresearch.execution.local import LocalExecutor
from nanoresearch.execution.orders import PREDICTIONS, SCRATCH
from nanoresearch.schema.isolation import Isolation
from nanoresearch.schema.record import Record

HEIGHT_IN = 2.6
SECONDS = 120.0
MEMORY_GB = 2.0
LONGEST = 6000
"""Characters of a script."""
BUILTINS = frozenset(
    [
        "abs", "bool", "dict", "enumerate", "float", "int", "len", "list", "max", "min", "range", "reversed", "round",
        "set", "sorted", "str", "sum", "tuple", "zip",
    ]
)  # fmt: skip
"""Functions of Python that a script may call by name."""


class Sketch(Record):
    """What came of a script."""

    error: str = ""
    """Why it drew nothing, in words that are the same everywhere; empty when it did."""
    taken: tuple[str, ...] = ()
    """Keys of the values that it drew."""
    texts: tuple[str, ...] = ()
    """Texts that it set."""


def script_faults(code: str, keys: Iterable[str]) -> list[str]:
    """Why a script must not be run, or nothing."""
    if len(code) > LONGEST:
        return [f"the script has more than {LONGEST} characters"]
    try:
        tree = ast.parse(code)
    except SyntaxError as error:
        return [f"line {error.lineno}: {error.msg}"]
    found = []
    if not any(isinstance(node, ast.FunctionDef) and node.name == "draw" for node in tree.body):
        found.append("there is no function draw(figure, value)")
    own = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)} | {"value"}
    known = set(keys)
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Import | ast.ImportFrom):
            found.append(f"line {line}: imports are not allowed; the figure has all methods of matplotlib")
        elif isinstance(node, ast.Attribute) and (node.attr.startswith("_") or node.attr in ("savefig", "canvas")):
            found.append(f"line {line}: {node.attr} is not allowed")
        elif isinstance(node, ast.Name) and node.id.startswith("__"):
            found.append(f"line {line}: {node.id} is not allowed")
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id not in BUILTINS | own:
            found.append(f"line {line}: {node.func.id} is not allowed")
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "value" and node.args:
            key = node.args[0]
            if isinstance(key, ast.Constant) and key.value not in known:
                found.append(f"line {line}: there is no value {key.value!r}")
    return found


def run_sketch(code: str, values: Mapping[str, float], width_in: float, isolation: Isolation) -> tuple[Sketch, bytes]:
    """Run a script that has no faults. Returns what it drew, and the PDF; nothing of it when it failed."""
    usable = {key: value for key, value in values.items() if math.isfinite(value)}
    given = {"values": usable, "width_in": width_in, "height_in": HEIGHT_IN}
    with tempfile.TemporaryDirectory(prefix="nanoresearch-figure-") as scratch:
        program, output = Path(scratch) / "code", Path(scratch) / "output"
        program.mkdir()
        (program / "figure.py").write_text(code, encoding="utf-8")
        (program / "values.json").write_text(json.dumps(given), encoding="utf-8")
        runner = files(__package__).joinpath("sketch_runner.py").read_text(encoding="utf-8")
        (program / "runner.py").write_text(runner, encoding="utf-8")
        kept: dict[str, bytes] = {}
        request = JobRequest(
            seed=0,
            command=(sys.executable, "runner.py"),
            code_folder=program,
            output_folder=output,
            timeout_s=SECONDS,
            memory_gb=MEMORY_GB,
            output_mb=1.0,
            check=lambda folder: _take(folder / SCRATCH / PREDICTIONS, kept),
        )
        (job,) = LocalExecutor(isolation).run([request], parallel=1, on_done=lambda _: None)
        if job.outcome != "succeeded":
            return Sketch(error=_last_words(output / STDERR) or f"the script {job.outcome}"), b""
        drawn = json.loads(kept["drawn.json"])
        return Sketch(taken=tuple(drawn["taken"]), texts=tuple(drawn["texts"])), kept["figure.pdf"]


def _take(folder: Path, kept: dict[str, bytes]) -> str:
    for name in ("figure.pdf", "drawn.json"):
        path = folder / name
        if path.is_symlink() or not path.is_file():
            return "nothing was drawn"
        kept[name] = path.read_bytes()
    return ""


def _last_words(path: Path) -> str:
    """The last line of an error, without the places of this machine."""
    lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines() if path.is_file() else []
    return lines[-1].removeprefix("REFUSED: ").replace(str(Path(sys.prefix)), "")[:300] if lines else ""
