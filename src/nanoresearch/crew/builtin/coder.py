"""Writes the codebase of a study from its kit's program text: only what the blueprint needs, in the wanted style."""

from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files

import jinja2

from nanoresearch.crew.builtin import codegen
from nanoresearch.crew.builtin.kits import load_kits
from nanoresearch.crew.builtin.program import source_files, study_config
from nanoresearch.crew.roles import Briefing
from nanoresearch.planner.guidance import guide
from nanoresearch.schema.blueprint import Blueprint
from nanoresearch.schema.plan import CodingGuidance

UNTOUCHED = ("harness.py",)
"""Files that keep their wording whatever the style: they are compared with the originals later."""


class BuiltinCoder:
    """Assembles data.py, models.py, train.py, evaluate.py, run.py and what goes with them."""

    def write(self, briefing: Briefing, blueprint: Blueprint) -> dict[str, str]:
        """Content of each file by its path."""
        guidance = guide(briefing.plan, CodingGuidance)
        kit = load_kits()[blueprint.study]
        config = study_config(
            datasets=[staged.card.id for staged in blueprint.datasets],
            methods=blueprint.methods,
            metrics=[metric.id for metric in blueprint.metrics],
            sweep=blueprint.sweep,
            protocol=blueprint.protocol,
            measures=list(blueprint.measures),
            slices=blueprint.slices,
        )
        config["log_progress"] = guidance.log_progress
        config["save_predictions"] = guidance.save_predictions
        program = source_files(kit.id, config)
        context = {"blueprint": blueprint, "kit": kit, "digest": blueprint.digest()}
        program["README.md"] = _render("README.md.j2", **context)
        program["requirements.txt"] = "".join(f"{name}=={_version(name)}\n" for name in kit.requires)
        program[".gitignore"] = "__pycache__/\nresults.jsonl\npredictions/\n"
        if guidance.cluster_script:
            program["submit.sbatch"] = _render("submit.sbatch.j2", **context)
        if guidance.unit_tests:
            program["tests.py"] = _render("tests.py.j2", **context)
        style = briefing.profile.coding
        return {
            name: codegen.strip(
                text,
                docstrings=style.docstrings if guidance.docstrings is None else guidance.docstrings,
                type_hints=style.type_hints if guidance.type_hints is None else guidance.type_hints,
                comments=style.comments if guidance.comments is None else guidance.comments,
            )
            if name.endswith(".py") and name not in UNTOUCHED
            else text
            for name, text in program.items()
        }


def _render(name: str, **context: object) -> str:
    text = files(__package__).joinpath("codebase", name).read_text(encoding="utf-8")
    environment = jinja2.Environment(
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, undefined=jinja2.StrictUndefined
    )
    return environment.from_string(text).render(**context)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError as error:
        raise RuntimeError(f"a kit requires {name}, which is not installed") from error
