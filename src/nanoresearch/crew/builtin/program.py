"""The source files of a study: which parts of a kit's program text a blueprint needs, and its configuration."""

import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from nanoresearch.crew.builtin import codegen
from nanoresearch.crew.builtin.kits import read_code
from nanoresearch.schema.blueprint import Blueprint, MethodSpec, Protocol, Sweep


def study_config(
    *,
    datasets: list[str],
    methods: tuple[MethodSpec, ...],
    metrics: list[str],
    sweep: Sweep | None,
    protocol: Protocol,
    measures: list[str],
    slices: bool,
) -> dict[str, Any]:
    """The content of config.json, which run.py reads."""
    return {
        "datasets": datasets,
        "methods": [
            {"id": method.id, "base": base_of(method), "components": list(method.components)} for method in methods
        ],
        "metrics": metrics,
        "sweep": {"id": sweep.id, "values": list(sweep.values)} if sweep else None,
        "protocol": {"id": protocol.id, "test_fraction": protocol.test_fraction},
        "measures": measures,
        "slices": slices,
    }


def config_of(blueprint: Blueprint) -> dict[str, Any]:
    """The content of config.json for a blueprint."""
    return study_config(
        datasets=[staged.card.id for staged in blueprint.datasets],
        methods=blueprint.methods,
        metrics=[metric.id for metric in blueprint.metrics],
        sweep=blueprint.sweep,
        protocol=blueprint.protocol,
        measures=list(blueprint.measures),
        slices=blueprint.slices,
    )


def base_of(method: MethodSpec) -> str:
    """Entry of BASES that a method is built from: its own for references and alternatives."""
    return method.id if method.role in ("reference", "alternative") else "baseline"


def source_files(kit: str, config: Mapping[str, Any]) -> dict[str, str]:
    """data.py, models.py, evaluate.py, train.py, run.py, harness.py, exchange.py and config.json of a study."""
    components = {component for method in config["methods"] for component in method["components"]}
    bases = {method["base"] for method in config["methods"]}
    models = codegen.take(read_code(kit, "models.py"), {"COMPONENTS": components, "BASES": bases})
    return judged_files(kit, config) | {"models.py": models} | harness_files(config)


def judged_files(kit: str, config: Mapping[str, Any]) -> dict[str, str]:
    """data.py and evaluate.py: how a kit loads, divides and scores. Raises KeyError for what it does not have."""
    return {
        "data.py": codegen.take(read_code(kit, "data.py"), {"LOADERS": config["datasets"]}),
        "evaluate.py": codegen.take(read_code(kit, "evaluate.py"), {"METRICS": config["metrics"]}),
    }


def harness_files(config: Mapping[str, Any]) -> dict[str, str]:
    """train.py, run.py, harness.py, exchange.py and config.json: the same text for every study."""
    common = files(__package__).joinpath("codebase")
    names = ("train.py", "run.py", "harness.py", "exchange.py")
    program = {name: common.joinpath(name).read_text(encoding="utf-8") for name in names}
    return program | {"config.json": json.dumps(config, indent=1) + "\n"}
