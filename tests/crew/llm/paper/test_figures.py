"""Figures by generated code: drawn from records in a sandbox, and by nothing else."""

from typing import Any

import pytest

from nanoresearch.crew.llm.paper.analyst import LlmAnalyst
from nanoresearch.crew.llm.paper.figures import SKETCHES
from nanoresearch.evidence.audit import figures as audit_figures
from nanoresearch.evidence.audit.case import Case
from nanoresearch.execution.sandbox import probe_isolation
from nanoresearch.paper.sketch import Sketch, script_faults
from nanoresearch.schema.isolation import Isolation

from .conftest import Sit, Writing, complaints

CODE = """def draw(figure, value):
    axes = figure.subplots()
    for row, name in enumerate(["baseline", "proposed"]):
        low, mid, high = (value(f"{kind}.{name}.wine") for kind in ("from", "mean", "to"))
        axes.plot([low, high], [row, row], color="black")
        axes.plot([mid], [row], "o", color="black")
    axes.set_yticks([0, 1], ["baseline", "proposal"])
    axes.set_xlabel("balanced accuracy")
"""
FIGURE = {"id": "means-apart", "caption": "Means of baseline and proposal with their intervals.", "code": CODE}
NONE_SAID: dict[str, Any] = {"readings": [], "cautions": []}


@pytest.fixture(scope="module")
def isolation() -> Isolation:
    found = probe_isolation()
    if found.kind == "none":
        pytest.skip("ISOLATION: nothing isolates here")
    return found


def analysed(sit: Sit, isolation: Isolation | None, *replies: Any) -> tuple[Writing, Any]:
    writing = sit({"analyst": [NONE_SAID, *replies]})
    object.__setattr__(writing.desk, "isolation", isolation)
    material = writing.material
    return writing, LlmAnalyst(writing.desk).analyse(writing.briefing, material.ledger, material.folder)


@pytest.mark.slow
def test_a_script_draws_recorded_values_and_the_audit_draws_them_again(sit: Sit, isolation: Isolation) -> None:
    wrong = FIGURE | {"code": CODE.replace("[mid], [row]", "[mid + 0.031], [row]")}
    writing, analysis = analysed(sit, isolation, {"figures": [wrong]}, {"figures": [FIGURE]})
    (figure,) = [item for item in analysis.figures if item.kind == "script"]
    assert any("shows no recorded value" in text for text in writing.told("warning"))
    assert "shows no recorded value" in writing.asked("analyst")[-1]
    folder = writing.material.folder
    assert len(list(folder.path(SKETCHES).glob("*.json"))) == 2
    case = Case(folder)
    sidecar = f"analysis/figures/{figure.id}.json"
    assert list(audit_figures._values(case, figure)) == []
    script = folder.path(f"analysis/figures/{figure.id}.py")
    script.write_text(script.read_text() + "\n")
    assert "is not the script" in str(list(audit_figures._values(case, figure)))
    script.write_text(CODE)
    tampered = folder.path(sidecar).read_text().replace('"value": 0.', '"value": 0.0', 1)
    folder.path(sidecar).write_text(tampered)
    assert "but the records give" in str(list(audit_figures._values(Case(folder), figure)))


@pytest.mark.slow
def test_a_resumed_analysis_runs_no_script_again(sit: Sit, isolation: Isolation, monkeypatch: Any) -> None:
    _, first = analysed(sit, isolation, {"figures": [FIGURE]})
    monkeypatch.setattr("nanoresearch.crew.llm.paper.figures.run_sketch", None)
    writing, second = analysed(sit, isolation)
    assert second == first
    assert writing.asked("analyst") == []


BAD = {
    "an import": (CODE.replace("    axes = ", "    import os\n    axes = ", 1), "imports are not allowed"),
    "a file": (CODE + "    open('x')\n", "open is not allowed"),
    "the inside of Python": (CODE + "    figure.__class__\n", "__class__ is not allowed"),
    "a value that is none": (CODE + "    value('mean.magic')\n", "no value 'mean.magic'"),
    "no function": ("x = 1\n", "there is no function draw"),
    "no Python": ("def draw(figure value)", "line 1"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_script_that_must_not_run_does_not(kind: str) -> None:
    code, complaint = BAD[kind]
    assert complaint in " ".join(script_faults(code, ["mean.proposed.wine"]))
    assert script_faults(CODE, []) == []


def test_without_a_sandbox_no_script_is_asked_for(sit: Sit) -> None:
    writing, analysis = analysed(sit, None)
    assert [item for item in analysis.figures if item.kind == "script"] == []
    assert len(writing.asked("analyst")) == 1


def test_drafts_with_faults_are_given_back_and_dropped(sit: Sit, isolation: Isolation) -> None:
    bad = {"figures": [FIGURE | {"caption": "It gains 4 points.", "code": BAD["a file"][0]}]}
    writing, analysis = analysed(sit, isolation, bad, bad, bad)
    told = complaints(writing, "analyst")
    assert "open is not allowed" in told
    assert "caption: it has numbers" in told
    assert [item for item in analysis.figures if item.kind == "script"] == []


def test_later_rounds_add_no_more_figures_than_there_may_be(
    sit: Sit, isolation: Isolation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def drawn(code: str, *_: Any) -> tuple[Sketch, bytes]:
        bad = "bad" in code
        return Sketch(error="it cannot be drawn" if bad else "", taken=(), texts=()), b"%PDF"

    monkeypatch.setattr("nanoresearch.crew.llm.paper.figures.run_sketch", drawn)

    def figure(name: str, code: str = CODE) -> dict[str, str]:
        return {**FIGURE, "id": name, "code": code}

    rounds = [
        {"figures": [figure("first"), figure("bad", f"{CODE}# bad\n")]},
        {"figures": [figure("second"), figure("third")]},
        {"figures": [figure("fourth"), figure("fifth")]},
    ]
    writing, analysis = analysed(sit, isolation, *rounds)
    assert [item.id for item in analysis.figures if item.kind == "script"] == ["first", "second"]
    assert any("third is left out" in text for text in writing.told("progress"))
