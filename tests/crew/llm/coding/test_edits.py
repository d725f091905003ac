"""Edits: found exactly or by what the lines say, and refused with the reason otherwise."""

import pytest

from nanoresearch.crew.llm.coding.edits import Edit, EditRefused, Repair, apply_edits

FILES = {"a.py": "def f(x):\n    y = x\n    return y\n\n\ndef g(x):\n    return x\n"}


def test_lines_are_replaced_and_files_are_written() -> None:
    edits = [
        Edit(file="a.py", find="    y = x\n", replace="    y = x + 1\n"),
        Edit(file="a.py", find="def g(x):\n    return x", replace="def g(x):\n    return 2 * x"),
        Edit(file="b.py", replace="Z = 1"),
    ]
    changed = apply_edits(FILES, edits)
    assert changed["a.py"] == "def f(x):\n    y = x + 1\n    return y\n\n\ndef g(x):\n    return 2 * x\n"
    assert changed["b.py"] == "Z = 1\n"


@pytest.mark.parametrize("find", ["y = x\nreturn y", "        y = x  \n        return y\n"])
def test_lost_indentation_is_found_again(find: str) -> None:
    indent = len(find) - len(find.lstrip())
    replace = "\n".join(" " * indent + line for line in ("if x:", "    return 1", "return 2"))
    changed = apply_edits(FILES, [Edit(file="a.py", find=find, replace=replace)])
    assert changed["a.py"].startswith("def f(x):\n    if x:\n        return 1\n    return 2\n\n")


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (Edit(file="a.py", find="return z", replace="x"), "do not occur in a.py: 'return z'"),
        (Edit(file="a.py", find="(x):", replace="x"), "occur 2 times in a.py: add lines"),
        (Edit(file="c.py", find="x", replace="y"), "There is no file c.py"),
        (Edit(file="a.py", find="return y", replace="return y"), "change nothing"),
        (Edit(file="a.py", replace=FILES["a.py"]), "change nothing"),
    ],
)
def test_edits_that_cannot_be_made(edit: Edit, reason: str) -> None:
    with pytest.raises(EditRefused, match=reason.replace("(", r"\(")):
        apply_edits(FILES, [edit])


@pytest.mark.parametrize(
    ("reason", "printed"),
    [
        ("The rows\n had no scale.", "The rows had no scale."),
        ("Sets `alpha` to 0.5 & more", "The edits change models."),
        ("word " * 200, "The edits change models."),
        ("", "The edits change models."),
    ],
)
def test_a_reason_that_a_paper_cannot_print_does_not_refuse_the_repair(reason: str, printed: str) -> None:
    edits = (Edit(file="models.py", replace="x = 1"),)
    assert Repair(diagnosis="d", name="scale_it", reason=reason, edits=edits).printable_reason() == printed
