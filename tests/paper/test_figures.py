import hashlib
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from nanoresearch.errors import PaperError
from nanoresearch.paper.drawing import Derive, Drawing
from nanoresearch.paper.figures import draw
from nanoresearch.paths import read_record
from nanoresearch.schema.analysis import Figure
from nanoresearch.schema.blueprint import Blueprint, MethodSpec
from nanoresearch.schema.experiment import Result

from .study import deriver, records, study

KINDS = ("bars", "sweep", "effects", "slices", "cost")


@cache
def data() -> tuple[Blueprint, list[Result], Derive]:
    blueprint = study()
    results, measurements = records(blueprint)
    return blueprint, results, deriver(blueprint, results, measurements)


def figure(kind: str, **fields: Any) -> Figure:
    return Figure.model_validate({"id": kind, "kind": kind, "caption": "c", "metric": "accuracy", **fields})


@pytest.mark.parametrize("kind", KINDS)
def test_every_drawn_value_can_be_derived_again(kind: str, tmp_path: Path) -> None:
    blueprint, results, derive = data()
    file = draw(figure(kind), blueprint, results, derive, tmp_path, width_in=3.25)
    assert file.pdf.read_bytes().startswith(b"%PDF")
    drawing = read_record(file.json, Drawing)
    assert drawing == file.drawing
    assert drawing.values
    assert all(derive(value.source) == value.value for value in drawing.values)


@pytest.mark.parametrize("kind", KINDS)
def test_same_values_give_same_bytes(kind: str, tmp_path: Path) -> None:
    blueprint, results, derive = data()
    digests = {
        hashlib.sha256(
            draw(figure(kind), blueprint, results, derive, tmp_path / str(i), width_in=6.5).pdf.read_bytes()
        ).hexdigest()
        for i in range(2)
    }
    assert len(digests) == 1


def test_bars_show_every_method_on_every_data_set(tmp_path: Path) -> None:
    blueprint, results, derive = data()
    drawing = draw(figure("bars"), blueprint, results, derive, tmp_path, width_in=6.5).drawing
    means = {(v.source.of.method, v.source.of.dataset) for v in drawing.values if v.source.kind == "mean"}
    assert means == {(m.id, d.card.id) for m in blueprint.methods for d in blueprint.datasets}


def test_effects_are_paired_differences_to_the_baseline(tmp_path: Path) -> None:
    blueprint, results, derive = data()
    drawing = draw(figure("effects", dataset="wine"), blueprint, results, derive, tmp_path, width_in=3.25).drawing
    assert {v.source.versus.method for v in drawing.values if v.source.versus} == {"baseline"}
    assert {v.source.kind for v in drawing.values} == {"diff_mean", "diff_ci_low", "diff_ci_high"}
    assert {v.source.of.dataset for v in drawing.values} == {"wine"}


def test_cost_comes_from_the_measurements(tmp_path: Path) -> None:
    blueprint, results, derive = data()
    drawing = draw(figure("cost"), blueprint, results, derive, tmp_path, width_in=3.25).drawing
    assert {v.source.ledger for v in drawing.values if v.source.of.metric == "fit_seconds"} == {"measurements"}


@pytest.mark.parametrize("kind", KINDS)
def test_hostile_and_many_names(kind: str, tmp_path: Path) -> None:
    """Dollar signs, long unbroken and non-Latin names, thirty methods, one data set, forty classes."""
    roles = ("reference", "baseline", "proposed", *["alternative"] * 12, *["variant"] * 15)
    methods = tuple(
        MethodSpec.model_validate({"id": f"m{i}", "name": f"{'x' * i} $a_{i} 方法 with {i} words", "role": role})
        for i, role in enumerate(roles)
    )
    blueprint = study(datasets=("$Odd_{name}",), methods=methods, direction="lower")
    results, measurements = records(blueprint, labels=tuple(f"class $%{i}" for i in range(40)))
    derive = deriver(blueprint, results, measurements)
    assert draw(figure(kind), blueprint, results, derive, tmp_path, width_in=3.25).pdf.stat().st_size > 2000


def test_what_cannot_be_drawn_is_said(tmp_path: Path) -> None:
    blueprint, results, derive = data()
    for wrong, message in (
        (figure("bars", metric="f1"), "no metric 'f1'"),
        (figure("bars", dataset="mars"), "no data set 'mars'"),
    ):
        with pytest.raises(PaperError, match=message):
            draw(wrong, blueprint, results, derive, tmp_path, width_in=3.25)
    with pytest.raises(PaperError, match="varies no condition"):
        draw(figure("sweep"), study(swept=False), results, derive, tmp_path, width_in=3.25)
    with pytest.raises(PaperError, match="for a class"):
        draw(figure("slices"), blueprint, [], derive, tmp_path, width_in=3.25)
    assert list(tmp_path.iterdir()) == []


def test_importing_does_not_load_matplotlib() -> None:
    import subprocess

    code = "import sys, nanoresearch.paper.figures; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
