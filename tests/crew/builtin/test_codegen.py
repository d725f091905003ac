import ast

import pytest

from nanoresearch.crew.builtin.codegen import register, strip, take

SOURCE = '''"""Module."""

import math
import os.path
from a import (
    b,
    c,
)

import numpy as np

LIMIT = 3


def helper(x: int) -> int:
    """Only for beta."""
    return b(x) + math.pi


def shared() -> str:
    return os.path.sep


def alpha(x: np.ndarray, *, y: "str" = "#no comment") -> np.ndarray:
    """Alpha."""
    # a comment
    return c(x), shared()  # trailing


def beta():
    return helper(1), shared()


class Thing:
    """Docs."""

    size: int = 1


REGISTRY = {
    "alpha": alpha,
    "beta": beta,
}


def interface() -> Thing:
    return Thing()
'''


def names(source: str) -> set[str]:
    return {node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef | ast.ClassDef)}


def test_what_only_a_dropped_entry_used_goes_with_it() -> None:
    kept = take(SOURCE, {"REGISTRY": ["alpha"]})
    assert names(kept) == {"shared", "alpha", "Thing", "interface"}
    assert "import math" not in kept
    assert "from a import c" in kept
    assert "LIMIT = 3" in kept


def test_what_others_use_stays() -> None:
    kept = take(SOURCE, {"REGISTRY": ["beta"]})
    assert names(kept) == {"helper", "shared", "beta", "Thing", "interface"}
    assert "numpy" not in kept
    assert "import math" in kept


def test_taking_everything_changes_no_definition() -> None:
    assert names(take(SOURCE, {"REGISTRY": ["alpha", "beta"]})) == names(SOURCE)


def test_an_unknown_entry_is_refused() -> None:
    with pytest.raises(KeyError, match="gamma"):
        take(SOURCE, {"REGISTRY": ["gamma"]})
    with pytest.raises(KeyError, match="x"):
        take(SOURCE, {"MISSING": ["x"]})


@pytest.mark.parametrize("docstrings", [True, False])
@pytest.mark.parametrize("type_hints", [True, False])
@pytest.mark.parametrize("comments", [True, False])
def test_style_changes_no_behaviour(docstrings: bool, type_hints: bool, comments: bool) -> None:
    text = strip(SOURCE, docstrings=docstrings, type_hints=type_hints, comments=comments)
    assert ('"""Alpha."""' in text) is docstrings
    assert ("-> np.ndarray" in text) is type_hints
    assert ("# a comment" in text) is comments
    assert '"#no comment"' in text
    assert "size: int = 1" in text
    assert names(text) == names(SOURCE)


def test_a_function_is_registered_once() -> None:
    source = "import os\n\n# Why.\nSTEPS: list = [a]\n"
    changed = register(source, "STEPS", "b", "def b():\n    return x()", ["from m import x"])
    namespace = ast.parse(changed)
    assert "STEPS: list = [a, b]" in changed
    assert changed.index("from m import x") < changed.index("def b()") < changed.index("STEPS")
    assert "# Why.\nSTEPS" in changed
    assert namespace
    with pytest.raises(ValueError, match="already"):
        register(changed, "STEPS", "b", "def b(): ...")
    with pytest.raises(ValueError, match="no list"):
        register(source, "OTHER", "b", "def b(): ...")


def test_a_local_name_does_not_pull_out_a_public_function() -> None:
    source = (
        "def fit(x):\n    return x\n\n\ndef used(): return 1\n\n\n"
        "def dropped(a):\n    fit = a\n    for used_here in a:\n        fit = used_here\n    return fit, used()\n\n\n"
        "def kept():\n    return 1\n\n\nREGISTRY = {'dropped': dropped, 'kept': kept}\n"
    )
    assert names(take(source, {"REGISTRY": ["kept"]})) == {"fit", "kept"}
