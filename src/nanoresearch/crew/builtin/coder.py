"""Writes the codebase of a study from its kit's program text: only what the blueprint needs, in the wanted style."""

import sys
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
        config["log"] = guidance.log
        config["log_times"] = guidance.log_times
        config["log_versions"] = list(kit.requires) if guidance.log_versions else []
        config["save_predictions"] = guidance.save_predictions
        program = source_files(kit.id, config)
        program[".gitignore"] = "__pycache__/\nresults.jsonl\npredictions/\n"
        context = {
            "blueprint": blueprint,
            "guidance": guidance,
            "digest": blueprint.digest(),
            "requirements": [_requirement(name, guidance) for name in kit.requires],
            "python": f"{sys.version_info.major}.{sys.version_info.minor}",
            "author": briefing.profile.writing.author or "The authors",
        }
        program |= {name: _render(f"{name}.j2", **context) for name in wanted_files(guidance)}
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


def wanted_files(guidance: CodingGuidance) -> list[str]:
    """Files around the program that the plan asks for, by their names."""
    wanted = {
        "README.md": True,
        "requirements.txt": True,
        "submit.sbatch": guidance.cluster_script,
        "tests.py": guidance.unit_tests,
        "summary.py": guidance.summary_script,
        "run_all.sh": guidance.run_all,
        "Makefile": guidance.makefile,
        "Dockerfile": guidance.container,
        "environment.yml": guidance.conda,
        "LICENSE": guidance.licence == "MIT",
        "CITATION.cff": guidance.citation_file,
    }
    return [name for name, asked in wanted.items() if asked]


def _requirement(name: str, guidance: CodingGuidance) -> str:
    """What pip is told: this very version, or this one and what comes before the next major one."""
    version = _version(name)
    if guidance.requirements == "pinned":
        return f"{name}=={version}"
    return f"{name}>={version},<{int(version.partition('.')[0]) + 1}"


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
