"""The frame of a program that models write: what comes from the package, what must be written, what goes around it.

A study of a kit has the kit's own loading, division and metrics, so that it can be judged from outside; only its
methods are written. A study of the word "own" has all of that written. run.py, train.py, harness.py, exchange.py and
config.json always come from the package.
"""

import ast
import json
from collections.abc import Collection, Mapping
from functools import cache
from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import PurePosixPath

from nanoresearch.config import CodingConfig
from nanoresearch.crew.builtin import codegen
from nanoresearch.crew.builtin.coder import UNTOUCHED, files_around, in_style, wanted_config
from nanoresearch.crew.builtin.kits import load_kits, read_code
from nanoresearch.crew.builtin.kits.kit import Kit
from nanoresearch.crew.builtin.program import base_of, harness_files, judged_files
from nanoresearch.crew.llm.coding.base_repository import BaseRepository
from nanoresearch.crew.llm.coding.contract import RESERVED, Contract, imported_modules
from nanoresearch.crew.roles import Briefing
from nanoresearch.errors import ExecutionError
from nanoresearch.execution.upstream import modules_of, reach
from nanoresearch.planner.guidance import guide
from nanoresearch.schema.blueprint import OWN, Blueprint
from nanoresearch.schema.plan import CodingGuidance
from nanoresearch.schema.setup import PinnedRepository

SCIENTIFIC = ("numpy", "scipy", "pandas", "sklearn", "statsmodels", "networkx", "torch")
"""Modules that programs may import where they are installed, unless the configuration says otherwise."""

PREDICTIONS = {
    "labels": "an array with one class for every row of inputs",
    "numbers": "an array with one number for every row of inputs",
    "probabilities": "a pair: array of probabilities (rows, classes), and array of the classes in that order",
    "moments": "a pair of arrays: mean and standard deviation for every row",
}
"""Forms of predictions in words; the others are shown by the kit's own methods."""


def is_own(blueprint: Blueprint) -> bool:
    """Whether loading, division and metrics are written for this study."""
    return blueprint.study == OWN


def contract_of(
    briefing: Briefing, blueprint: Blueprint, config: CodingConfig, base: BaseRepository | None = None
) -> Contract:
    """What an experiment asks of its program. Raises ExecutionError where a kit lacks what the blueprint names.

    base: the code that it is built on.
    """
    bases = tuple(dict.fromkeys(base_of(method) for method in blueprint.methods))
    components = tuple(dict.fromkeys(part for method in blueprint.methods for part in method.components))
    registries = {
        "data.py": {"LOADERS": tuple(staged.card.id for staged in blueprint.datasets)},
        "models.py": {"BASES": bases} | ({"COMPONENTS": components} if components else {}),
        "evaluate.py": {"METRICS": tuple(metric.id for metric in blueprint.metrics)},
    }
    written = ("data.py", "models.py", "evaluate.py") if is_own(blueprint) else ("models.py",)
    trusted = _trusted(briefing, blueprint)
    packages = allowed_packages(config)
    taken = {PurePosixPath(name).stem for name in (*written, *trusted, *RESERVED)}
    ids = [method.id for method in blueprint.methods] + [metric.id for metric in blueprint.metrics]
    return Contract(
        registries=registries,
        written=written,
        trusted=trusted,
        packages=packages,
        upstream=base.within_reach(taken | packages, briefing.profile.taboos) if base else frozenset(),
        results_of=frozenset([*ids, *registries["data.py"]["LOADERS"]]),
        taboos=briefing.profile.taboos,
        slices=blueprint.slices,
        sweep=blueprint.sweep.id if blueprint.sweep else None,
    )


def allowed_packages(config: CodingConfig) -> frozenset[str]:
    """Modules that a program may import besides Python's own."""
    named = SCIENTIFIC if config.packages is None else config.packages
    return frozenset(name for name in named if find_spec(name) is not None)


def finished(
    briefing: Briefing,
    blueprint: Blueprint,
    contract: Contract,
    written: Mapping[str, str],
    base: PinnedRepository | None = None,
) -> dict[str, str]:
    """The whole codebase: what was written, the trusted files, and what goes around them, in the wanted style.

    base: the code of others that it is built on, which stays apart.
    """
    given = {name: text for name, text in contract.trusted.items() if name != "exchange.py"}
    imported = imported_modules({**written, **given})
    if base:
        modules = modules_of(base.path)
        imported = (imported | reach(modules, imported & contract.upstream).modules) - modules.keys()
    requires = distributions(imported | {"numpy"})  # what it needs if it must carry it
    config = harness_files(wanted_config(blueprint, guide(briefing.plan, CodingGuidance), requires))["config.json"]
    program = {**written, **contract.trusted, "config.json": config}
    around = files_around(briefing, blueprint, requires)
    return in_style(program | around, briefing, _unstyled(program))


def distributions(modules: Collection[str]) -> list[str]:
    """Names under which these modules are installed, those of Python itself left out."""
    known = _installed()
    return sorted({known[module][0] for module in modules if known.get(module)})


@cache
def _installed() -> Mapping[str, list[str]]:
    """Distributions by module: reading this takes a second or more."""
    return packages_distributions()


def starting_point(blueprint: Blueprint) -> str:
    """The kit's own methods as far as the blueprint has them too, to be built upon; empty for a study of its own."""
    if is_own(blueprint):
        return ""
    kit = _kit(blueprint)
    keep: dict[str, Collection[str]] = {
        "BASES": [name for method in blueprint.methods if (name := base_of(method)) in _kit_bases(kit)],
        "COMPONENTS": [item.id for item in blueprint.components if item.id in _kit_components(kit)],
    }
    return codegen.take(read_code(kit.id, "models.py"), keep)


def known_methods(blueprint: Blueprint) -> str:
    """The kit's own models.py where it has every method just as the blueprint describes it; else empty."""
    if is_own(blueprint):
        return ""
    kit = _kit(blueprint)
    specs = {item.spec.id: item.spec.description for item in kit.components}
    methods = {item.id: item.description for item in (kit.reference, kit.baseline, *kit.alternatives)}
    alike = all(specs.get(item.id) == item.description for item in blueprint.components) and all(
        methods.get(item.id) == item.description
        for item in blueprint.methods
        if item.role not in ("variant", "proposed")
    )
    return starting_point(blueprint) if alike else ""


def experiment_text(blueprint: Blueprint) -> str:
    """What a program must do, as JSON: the blueprint without what only statistics and papers need."""
    facts = {
        "title": blueprint.title,
        "hypothesis": blueprint.hypothesis,
        "prediction": blueprint.prediction,
        "datasets": [staged.card.id for staged in blueprint.datasets],
        "components": [item.model_dump(include={"id", "name", "description"}) for item in blueprint.components],
        "methods": [
            item.model_dump(include={"id", "name", "role", "components", "description"}) | {"base": base_of(item)}
            for item in blueprint.methods
        ],
        "metrics": [item.model_dump(include={"id", "name", "direction", "description"}) for item in blueprint.metrics],
        "sweep": blueprint.sweep and blueprint.sweep.model_dump(),
        "protocol": blueprint.protocol.model_dump(),
        "seeds": len(blueprint.seeds),
        "slices": blueprint.slices,
        "limits of one seed": {
            "minutes": blueprint.budget.minutes_per_run,
            "memory_gb": blueprint.budget.memory_gb,
            "all methods, data sets and conditions together": True,
        },
    }
    return json.dumps(facts, indent=1, ensure_ascii=False)


def form_of_predictions(blueprint: Blueprint) -> str:
    """What predict() must return in a study of a kit, in words; empty for a study of its own."""
    if is_own(blueprint):
        return ""
    form = _kit(blueprint).predictions
    return PREDICTIONS.get(form, f"what the predict() shown returns ({form})")


def _trusted(briefing: Briefing, blueprint: Blueprint) -> dict[str, str]:
    config = wanted_config(blueprint, guide(briefing.plan, CodingGuidance), ())
    trusted = harness_files(config)
    if is_own(blueprint):
        return trusted
    try:
        return judged_files(_kit(blueprint).id, config) | trusted
    except KeyError as error:
        raise ExecutionError(f"The blueprint does not fit its study {blueprint.study}: {error.args[0]}.") from error


def _kit(blueprint: Blueprint) -> Kit:
    kits = load_kits()
    if blueprint.study not in kits:
        known = ", ".join([OWN, *kits])
        raise ExecutionError(f"The blueprint's study {blueprint.study!r} is not known. There are {known}.")
    return kits[blueprint.study]


def _kit_bases(kit: Kit) -> set[str]:
    return {kit.baseline.id, kit.reference.id, *(item.id for item in kit.alternatives)}


def _kit_components(kit: Kit) -> set[str]:
    return {item.spec.id for item in kit.components}


def _unstyled(program: Mapping[str, str]) -> tuple[str, ...]:
    """Files whose wording stays: those that are compared with originals, and those that only hold comments together."""
    odd = [name for name, text in program.items() if name.endswith(".py") and not _survives(text)]
    return (*UNTOUCHED, *odd)


def _survives(text: str) -> bool:
    """Whether a file is still a program when docstrings, hints and comments are taken away."""
    try:
        ast.parse(codegen.strip(text, docstrings=False, type_hints=False, comments=False))
    except (SyntaxError, ValueError):
        return False
    return True
