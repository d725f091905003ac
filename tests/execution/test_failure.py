"""A failure has one name, whatever the seed and the machine."""

import sys
from pathlib import Path

import pytest

from nanoresearch.execution import executor
from nanoresearch.execution.failure import diagnose, normalise
from nanoresearch.execution.local import LocalExecutor
from nanoresearch.schema.experiment import Failure, Job


def job(outcome="failed", exit_code=1, reason="") -> Job:
    """A job that failed."""
    return Job(seed=3, outcome=outcome, exit_code=exit_code, seconds=1, cpu_seconds=1, peak_memory_mb=1, reason=reason)


def diagnose_text(tmp_path: Path, text: str, **changes) -> Failure:
    """Diagnose error output; CODE stands for the folder of the code."""
    (tmp_path / "stderr").write_text(text.replace("CODE", str(tmp_path / "code")))
    return diagnose(job(**changes), tmp_path, tmp_path / "code")


def run_program(folder: Path, seed: int, models: str) -> Failure:
    """Run a real program that fails, and diagnose it."""
    code = folder / "code"
    code.mkdir(parents=True)
    (code / "models.py").write_text(models)
    (code / "run.py").write_text("import sys\nimport models\n\nmodels.fit(int(sys.argv[1]))\n")
    request = executor.JobRequest(
        seed, (sys.executable, "run.py", str(seed)), code, folder, timeout_s=30, memory_gb=1, output_mb=1
    )
    (ended,) = LocalExecutor().run([request], parallel=1, on_done=lambda job: None)
    return diagnose(ended, folder, code)


MODELS = """
class Empty: pass

def fit(seed):
    import json
    raise ValueError(f"seed {seed}: {Empty()} in '{__file__}' has shape ({seed}, 4) and loss {seed / 7}, "
                     f"see /scratch/user{seed}/cache")
"""


def test_signature_is_the_same_for_all_seeds_and_folders(tmp_path: Path) -> None:
    first = run_program(tmp_path / "a", 3, MODELS)
    second = run_program(tmp_path / "b" / "c d", 4711, MODELS)
    assert first.signature == second.signature
    assert first.signature == (
        "ValueError @ models.py:fit: seed N: <models.Empty object at ADDRESS> in 'models.py' has shape (N, N) "
        "and loss N, see PATH"
    )
    assert (first.file, first.line) == ("models.py", 6)
    assert str(tmp_path) not in first.message + first.tail + second.message + second.tail
    assert first.message.startswith("seed 3: ")


def test_last_frame_inside_the_codebase_is_named(tmp_path: Path) -> None:
    models = (
        "import json\n\n\ndef read(n):\n    return json.loads('{' * n)\n\n\ndef fit(seed):\n    return read(seed)\n"
    )
    failure = run_program(tmp_path, 3, models)
    assert (failure.file, failure.line) == ("models.py", 5)
    assert failure.signature.startswith("JSONDecodeError @ models.py:read: Expecting property name")


def test_syntax_error_of_a_module(tmp_path: Path) -> None:
    failure = run_program(tmp_path, 3, "def fit(seed):\n    return (\n")
    assert failure.signature == "SyntaxError @ models.py:<module>: '(' was never closed"
    assert (failure.file, failure.line) == ("models.py", 2)


def test_syntax_error_of_the_program_itself(tmp_path: Path) -> None:
    text = 'warning: old\n  File "CODE/run.py", line 3\n    def\n       ^\nSyntaxError: invalid syntax\n'
    failure = diagnose_text(tmp_path, text)
    assert failure.signature == "SyntaxError @ run.py:<module>: invalid syntax"
    assert failure.line == 3


def test_the_last_of_several_errors_counts(tmp_path: Path) -> None:
    text = """\
Traceback (most recent call last):
  File "CODE/data.py", line 1, in load
KeyError: 'x'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "CODE/run.py", line 9, in <module>
    main()
    ^^^^^^
  File "CODE/models.py", line 5, in fit
    inverse(x)
  File "/usr/lib/python3/site-packages/numpy/linalg.py", line 561, in inv
    raise error
numpy.linalg.LinAlgError: Singular matrix
of 3 columns
Exception ignored in: <function f at 0x7f>
"""
    failure = diagnose_text(tmp_path, text)
    assert failure.signature == "LinAlgError @ models.py:fit: Singular matrix"
    assert failure.message.startswith("Singular matrix\nof 3 columns")
    assert failure.line == 5


def test_error_in_an_exception_group(tmp_path: Path) -> None:
    program = """
def fit(seed):
    try:
        int("x")
    except ValueError as error:
        raise ExceptionGroup("several", [error, TypeError("no")])
"""
    failure = run_program(tmp_path, 3, program)
    assert failure.signature == "ValueError @ models.py:fit: invalid literal for int() with base N: 'x'"


def test_error_without_words_and_without_frame_of_ours(tmp_path: Path) -> None:
    text = 'Traceback (most recent call last):\n  File "/usr/lib/x.py", line 1, in f\nAssertionError\n'
    failure = diagnose_text(tmp_path, text)
    assert (failure.signature, failure.file, failure.line) == ("AssertionError", None, None)


@pytest.mark.parametrize(
    ("changes", "signature"),
    [
        (
            {"outcome": "timed_out", "exit_code": None, "reason": f"{executor.TIME_EXCEEDED} 60 s"},
            "TimeLimit: was still running after N s",
        ),
        (
            {"outcome": "timed_out", "exit_code": None, "reason": executor.BUDGET_EXHAUSTED},
            "BudgetExhausted: the experiment's time is used up",
        ),
        (
            {"exit_code": None, "reason": f"{executor.MEMORY_EXCEEDED}: more than 1.5 GB"},
            "MemoryLimit: used more memory than allowed: more than N GB",
        ),
        ({"reason": f"{executor.OUTPUT_FLOOD}: more than 80 MB"}, "OutputLimit: printed too much: more than N MB"),
        ({"exit_code": None, "reason": "killed by SIGSEGV"}, "Killed: killed by SIGSEGV"),
        ({"exit_code": 2, "reason": "exit status 2"}, "Exit status 2: run.py: error: argument --seed: invalid value N"),
        (
            {"outcome": "invalid", "exit_code": 0, "reason": "reports.jsonl, line 4: non-finite value nan for a of b"},
            "InvalidReports: reports.jsonl, line N: non-finite value nan for a of b",
        ),
    ],
)
def test_failures_without_a_traceback(tmp_path: Path, changes, signature) -> None:
    failure = diagnose_text(tmp_path, "usage: run.py\nrun.py: error: argument --seed: invalid value 7\n\n", **changes)
    assert failure.signature == signature
    assert failure.outcome == changes.get("outcome", "failed")
    assert failure.tail.startswith("usage")


def test_job_that_left_nothing(tmp_path: Path) -> None:
    failure = diagnose(job(reason="could not be run: no"), tmp_path, tmp_path)
    assert failure.signature == "Exit status 1: could not be run: no"


@pytest.mark.parametrize(
    ("message", "normal"),
    [
        ("expected float32, got float64 at layer2", "expected float32, got float64 at layer2"),
        ("loss -1.5e-3 > .5", "loss N > N"),
        ("No such file: '/home/me/x 1/data.csv'", "No such file: PATH"),
        ("cannot read /tmp/a/b.csv, C:\\Users\\me\\b", "cannot read PATH, PATH"),
        ("mat1 (30x4) and/or mat2", "mat1 (30x4) and/or mat2"),
        ("<f at 0x7fAB12>  twice\nmore", "<f at ADDRESS> twice"),
    ],
)
def test_normalise(message: str, normal: str) -> None:
    assert normalise(message) == normal
    assert normalise(normal) == normal
