"""Writes the codebase of a study from its kit's program text: only what the blueprint needs, in the wanted style.

Cures that earlier studies needed are put in from the start, each with its reason.
"""

import sys
from collections.abc import Collection, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from typing import Any

import jinja2

from nanoresearch.crew.builtin import codegen
from nanoresearch.crew.builtin.debugger import apply_fix, holds
from nanoresearch.crew.builtin.kits import load_kits
from nanoresearch.crew.builtin.kits.kit import Fix, Kit
from nanoresearch.crew.builtin.program import config_of, source_files
from nanoresearch.crew.builtin.recall import Advice, advice, configurations, number_of, words_of
from nanoresearch.crew.builtin.troubles import RESOURCES
from nanoresearch.crew.roles import Briefing
from nanoresearch.planner.guidance import guide
from nanoresearch.schema.blueprint import Blueprint
from nanoresearch.schema.experience import Memory
from nanoresearch.schema.experiment import Preparation, Program
from nanoresearch.schema.plan import CodingGuidance

UNTOUCHED = ("harness.py", "exchange.py")
"""Files that keep their wording whatever the style: they are compared with the originals later."""
REDUCING = "REDUCTION"
"""Registry of cures that cost accuracy to save time: right only for the data, and the time, that needed them."""


class BuiltinCoder:
    """Assembles data.py, models.py, train.py, evaluate.py, run.py and what goes with them."""

    def write(self, briefing: Briefing, blueprint: Blueprint) -> Program:
        """Content of each file by its path, and the cures that are in it from the start."""
        guidance = guide(briefing.plan, CodingGuidance)
        kit = load_kits()[blueprint.study]
        config = wanted_config(blueprint, guidance, kit.requires)
        program = source_files(kit.id, config)
        prepared = []
        for fix, preparation in wanted_cures(briefing, blueprint, kit):
            if fix.file in program and not holds(program[fix.file], fix):
                program[fix.file] = apply_fix(program[fix.file], kit.id, fix)
                prepared.append(preparation)
        program |= files_around(briefing, blueprint, kit.requires)
        styled = in_style(program, briefing, UNTOUCHED)
        return Program(files=styled, prepared=tuple(prepared), proven_by=_proof(briefing, blueprint, prepared))


def wanted_config(blueprint: Blueprint, guidance: CodingGuidance, requires: Sequence[str]) -> dict[str, Any]:
    """The content of config.json: the blueprint, and how the plan wants the program to report what it does."""
    return config_of(blueprint) | {
        "log": guidance.log,
        "log_times": guidance.log_times,
        "log_versions": list(requires) if guidance.log_versions else [],
        "save_predictions": guidance.save_predictions,
    }


def files_around(briefing: Briefing, blueprint: Blueprint, requires: Sequence[str]) -> dict[str, str]:
    """README.md, requirements.txt and what else the plan wants around a program that needs these packages."""
    guidance = guide(briefing.plan, CodingGuidance)
    context = {
        "blueprint": blueprint,
        "guidance": guidance,
        "digest": blueprint.digest(),
        "requirements": [_requirement(name, guidance) for name in requires],
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "author": briefing.profile.writing.author or "The authors",
    }
    ignored = {".gitignore": "__pycache__/\nresults.jsonl\npredictions/\n"}
    return ignored | {name: _render(f"{name}.j2", **context) for name in wanted_files(guidance)}


def in_style(program: Mapping[str, str], briefing: Briefing, untouched: Collection[str]) -> dict[str, str]:
    """The program with docstrings, type hints and comments as plan and profile want them."""
    guidance, style = guide(briefing.plan, CodingGuidance), briefing.profile.coding
    return {
        name: codegen.strip(
            text,
            docstrings=style.docstrings if guidance.docstrings is None else guidance.docstrings,
            type_hints=style.type_hints if guidance.type_hints is None else guidance.type_hints,
            comments=style.comments if guidance.comments is None else guidance.comments,
        )
        if name.endswith(".py") and name not in untouched
        else text
        for name, text in program.items()
    }


def wanted_cures(briefing: Briefing, blueprint: Blueprint, kit: Kit) -> list[tuple[Fix, Preparation]]:
    """Cures to apply before the first run, in the kit's order.

    A skill speaks for other data of the kit too, so that no cure of a lack of time is taken from it. A configuration
    speaks for its own data: the cures that helped there are taken, those of a lack of time unless there is more now.
    """
    skills: dict[str, Advice] = {}
    for item in advice(briefing.skills, ("debugging", "coding"), "fix", kit.id):
        if item.trigger.partition(":")[0] not in RESOURCES:
            skills.setdefault(item.target, item)
    registries = {fix.id: fix.registry for fix in kit.fixes}
    memories: dict[str, Memory] = {}
    datasets = [staged.card.id for staged in blueprint.datasets]
    for memory in configurations(briefing.memories, kit.id, datasets, ("validated", "failed")):
        scarce = blueprint.budget.minutes_per_run <= (number_of(memory.facts.get("minutes_per_run")) or 0.0)
        for name in words_of(memory.facts.get("fixes")):
            if scarce or registries.get(name) != REDUCING:
                memories.setdefault(name, memory)
    found = []
    for fix in kit.fixes:
        if fix.id in skills and fix.registry != REDUCING:
            item = skills[fix.id]
            said = "A rule taken over from elsewhere says that studies of this kind fail without it"
            why = said if item.hearsay else "Earlier studies of this kind failed without it"
            found.append((fix, _preparation(fix, why, item.skill, seen=not item.hearsay)))
        elif fix.id in memories:
            memory = memories[fix.id]
            needed = fix.id in words_of(memory.facts.get("needed", memory.facts.get("fixes")))
            why = "An earlier study of these data " + ("failed without it" if needed else "had it from the start")
            found.append((fix, _preparation(fix, why, memory.id, seen=needed, remembered=True)))
    return found


def _proof(briefing: Briefing, blueprint: Blueprint, prepared: Sequence[Preparation]) -> str | None:
    """A validated configuration that had all of these data and components, and needed no other cures than these."""
    datasets = {staged.card.id for staged in blueprint.datasets}
    parts = {item.id for item in blueprint.components}
    cures = {item.fix for item in prepared}
    for memory in configurations(briefing.memories, blueprint.study, datasets):
        ran = {name: set(words_of(memory.facts.get(name))) for name in ("datasets", "components", "fixes")}
        if datasets <= ran["datasets"] and parts <= ran["components"] and cures == ran["fixes"]:
            return memory.id
    return None


def _preparation(fix: Fix, why: str, source: str, *, seen: bool, remembered: bool = False) -> Preparation:
    """The reason speaks of the earlier data, where the trouble was seen: whether these have it too is not known yet."""
    where = ": there," if seen else "; it is meant for this case:"
    reason = f"{why}{where} {fix.reason[:1].lower()}{fix.reason[1:]}"
    return Preparation(fix=fix.id, reason=reason, skill=source, remembered=remembered)


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
        return version(name).partition("+")[0]  # what stands behind it names a build, which no index has
    except PackageNotFoundError as error:
        raise RuntimeError(f"the program requires {name}, which is not installed") from error
