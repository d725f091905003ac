"""Every directive of the catalogue shows in what the builtin crew makes, in the way its sentence says."""

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest

from nanoresearch.crew.builtin.analyst import BuiltinAnalyst
from nanoresearch.crew.builtin.coder import BuiltinCoder
from nanoresearch.crew.builtin.critic import BuiltinCritic
from nanoresearch.crew.builtin.designer import BuiltinDesigner
from nanoresearch.crew.builtin.ideator import BuiltinIdeator
from nanoresearch.crew.builtin.kits import load_kits
from nanoresearch.crew.builtin.reviewer import BuiltinReviewer
from nanoresearch.crew.builtin.surveyor import BuiltinSurveyor
from nanoresearch.crew.builtin.writer import BuiltinWriter
from nanoresearch.crew.roles import Briefing, WritingMaterial
from nanoresearch.errors import ConfigError
from nanoresearch.evidence.statistics import Ledger, derive
from nanoresearch.literature.offline import OfflineCorpus
from nanoresearch.paper.figures import draw
from nanoresearch.paper.tables import render_table
from nanoresearch.paths import Home
from nanoresearch.planner.catalogue import Entry, load_catalogue
from nanoresearch.planner.guidance import guide
from nanoresearch.profiles import load_profile
from nanoresearch.schema.blueprint import Blueprint
from nanoresearch.schema.idea import Hypothesis, Survey
from nanoresearch.schema.manuscript import Build, Manuscript
from nanoresearch.schema.plan import GUIDANCE, Directive, IdeationGuidance, Phase, Plan
from nanoresearch.schema.profile import CodingStyle, Compute, Profile, StatisticsHabits, WritingStyle

from ..crew.builtin.material import material
from ..crew.builtin.test_writer import check

TABLES = "Do additions to logistic regression help classify small tables?"
FOREST = "Do additions to logistic regression, a random forest among them, help classify small tables?"
DIGITS = "Which additions help an RBF support vector machine classify handwritten digits?"
GRAPHS = "Do neighbour profiles and walk statistics help node classification on the karate club graph?"
USUAL = Profile()
OTHERWISE = Profile(  # a researcher whose habits are not the usual ones
    statistics=StatisticsHabits(seeds=8),
    writing=WritingStyle(person="passive", detail="brief"),
    coding=CodingStyle(docstrings=False, type_hints=False, comments=False),
)
CORPUS = OfflineCorpus()
ENTRIES = {entry.directive.id: entry for entry in load_catalogue()}
BY_PHASE = {phase: [e for e in ENTRIES.values() if e.directive.phase == phase] for phase in GUIDANCE}


@dataclass(frozen=True)
class Ideas:
    """What ideation yields."""

    survey: Survey
    found: tuple[Hypothesis, ...]

    @property
    def years(self) -> list[int]:
        """Years of the works that came first."""
        return [paper.year or 0 for paper in self.survey.papers[:8]]

    @property
    def first(self) -> Hypothesis:
        """The preferred hypothesis."""
        return self.found[0]

    def tags(self, *hypotheses: Hypothesis) -> set[str]:
        """Tags of the components of these hypotheses, or of all."""
        known = {item.spec.id: item.spec.tags for item in load_kits()[self.first.study].components}
        return {tag for item in hypotheses or self.found for name in item.components for tag in known[name]}

    def promises(self) -> list[set[str]]:
        """What each component of the preferred hypothesis promises."""
        known = {item.spec.id: set(item.promises) for item in load_kits()[self.first.study].components}
        return [known[name] for name in self.first.components]


@dataclass(frozen=True)
class Text:
    """A manuscript, by section."""

    manuscript: Manuscript

    @property
    def order(self) -> list[str]:
        """Section ids."""
        return [section.id for section in self.manuscript.sections]

    def __getitem__(self, section: str) -> str:
        return next((item.body for item in self.manuscript.sections if item.id == section), "")

    @property
    def whole(self) -> str:
        """All sections."""
        return "\n\n".join(section.body for section in self.manuscript.sections)


Make = Callable[[Sequence[Directive], Profile, str], Any]


def ideate(directives: Sequence[Directive], profile: Profile, topic: str) -> Ideas:
    briefing = Briefing(topic, profile, Plan(phase="ideation", directives=tuple(directives), planner="test"))
    survey = BuiltinSurveyor(CORPUS).survey(briefing, (CORPUS,))
    return Ideas(survey, tuple(item.hypothesis for item in BuiltinIdeator().propose(briefing, survey).proposals))


def design(directives: Sequence[Directive], profile: Profile, topic: str) -> Blueprint:
    """The design that passes its critique: what an objection takes back again was not honoured."""
    briefing = Briefing(topic, profile, Plan(phase="planning", directives=tuple(directives), planner="test"))
    hypothesis = ideate([ENTRIES["combine_components"].directive], profile, topic).first
    root, previous = Path("no-data-here"), None
    for number in range(1, 6):
        draft = BuiltinDesigner().design(briefing, hypothesis, previous, root)
        critique = BuiltinCritic().critique(briefing, draft, number, root)
        if critique.passed:
            return draft
        previous = (draft, critique)
    raise AssertionError(critique)


@cache
def frozen() -> Blueprint:
    return design([], Profile(), TABLES)


def code(directives: Sequence[Directive], profile: Profile, topic: str) -> dict[str, str]:
    briefing = Briefing(topic, profile, Plan(phase="coding", directives=tuple(directives), planner="test"))
    return BuiltinCoder().write(briefing, frozen()).files


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> WritingMaterial:
    return material(tmp_path_factory.mktemp("run"), "series_classification", "supported", CORPUS, seeds=3)


def write(found: WritingMaterial, directives: Sequence[Directive], profile: Profile) -> Text:
    briefing = Briefing("topic", profile, Plan(phase="writing", directives=tuple(directives), planner="test"))
    return Text(BuiltinWriter().write(briefing, found))


@dataclass(frozen=True)
class Sign:
    """How a directive shows: what holds with it and does not hold without it."""

    seen: Callable[[Any], bool]
    topic: str = TABLES
    profile: Profile = USUAL
    beside: tuple[str, ...] = ()
    """Other directives of the plan, where the effect needs them."""


def files(name: str, *words: str) -> Callable[[Mapping[str, str]], bool]:
    return lambda made: name in made and all(word in made[name] for word in words)


def functions(made: Mapping[str, str]) -> list[ast.FunctionDef]:
    return [node for node in ast.walk(ast.parse(made["models.py"])) if isinstance(node, ast.FunctionDef)]


def comments(made: Mapping[str, str]) -> bool:
    return any(
        line.strip().startswith("# ") for name in made if name.endswith(".py") for line in made[name].split("\n")
    )


def documented(made: Mapping[str, str]) -> bool:
    return all(ast.get_docstring(node) for node in functions(made) if not node.name.startswith("_"))


def annotated(made: Mapping[str, str]) -> bool:
    return any(node.returns for node in functions(made))


def before(text: Text, first: str, second: str) -> bool:
    return text.order.index(first) < text.order.index(second)


IDEATION = {
    "survey_broadly": Sign(lambda ideas: len(ideas.survey.papers) > 50),
    "survey_narrowly": Sign(lambda ideas: len(ideas.survey.papers) < 38),
    "recent_work_first": Sign(lambda ideas: ideas.years == sorted(ideas.years, reverse=True)),
    "classic_works_first": Sign(lambda ideas: ideas.years == sorted(ideas.years)),
    "many_hypotheses": Sign(lambda ideas: len(ideas.found) == 7),
    "few_hypotheses": Sign(lambda ideas: len(ideas.found) == 2),
    "combine_components": Sign(lambda ideas: len(ideas.first.components) == 3),
    "test_pairs": Sign(lambda ideas: {len(item.components) for item in ideas.found} == {2}),
    "isolate_one": Sign(lambda ideas: len(ideas.first.components) == 1),
    "seek_gain": Sign(lambda ideas: all("gain" in item for item in ideas.promises())),
    "seek_robustness": Sign(lambda ideas: "robustness" in ideas.promises()[0]),
    "seek_efficiency": Sign(lambda ideas: any("efficiency" in item for item in ideas.promises())),
    "seek_calibration": Sign(
        lambda ideas: any("calibration" in item for item in ideas.promises()),
        profile=Profile(preferences=("features", "preprocessing", "reweighting", "ensemble")),
    ),
    "prefer_linear": Sign(
        lambda ideas: not {"tree", "ensemble", "calibration"} & ideas.tags(ideas.first) and ideas.tags(ideas.first)
    ),
    "prefer_features": Sign(lambda ideas: ideas.first.components[0] in ("interactions", "feature_selection")),
    "prefer_preprocessing": Sign(lambda ideas: ideas.first.components[0] == "quantiles"),
    "prefer_augmentation": Sign(lambda ideas: ideas.first.components[:2] == ("shifts", "elastic"), topic=DIGITS),
    "prefer_ensembles": Sign(lambda ideas: ideas.first.components[0] == "forest"),
    "prefer_regularisation": Sign(lambda ideas: "regularisation" in ideas.tags(ideas.first)),
    "rebalance_classes": Sign(lambda ideas: "reweighting" in ideas.tags(ideas.first)),
    "avoid_ensembles": Sign(lambda ideas: not {"ensemble", "tree"} & ideas.tags(), topic=FOREST),
    "avoid_synthetic": Sign(lambda ideas: not {"augmentation", "synthetic data"} & ideas.tags(), topic=DIGITS),
}
PLANNING = {
    "three_seeds": Sign(lambda b: len(b.seeds) == 3),
    "five_seeds": Sign(lambda b: len(b.seeds) == 5, profile=OTHERWISE),
    "ten_seeds": Sign(lambda b: len(b.seeds) == 10),
    "twenty_seeds": Sign(lambda b: len(b.seeds) == 20),
    "intervals_90": Sign(lambda b: b.confidence == 0.9),
    "intervals_99": Sign(lambda b: b.confidence == 0.99),
    "rank_tests": Sign(lambda b: b.test == "wilcoxon"),
    "bonferroni": Sign(lambda b: b.correction == "bonferroni"),
    "false_discovery_rate": Sign(lambda b: b.correction == "fdr_bh"),
    "ablate_everything": Sign(lambda b: sum(m.role == "variant" for m in b.methods) == 6),
    "leave_one_out": Sign(lambda b: {len(m.components) for m in b.methods if m.role == "variant"} == {2}),
    "one_component": Sign(lambda b: len(b.components) == 1),
    "two_components": Sign(lambda b: len(b.components) == 2),
    "established_alternative": Sign(lambda b: sum(m.role == "alternative" for m in b.methods) == 1),
    "every_alternative": Sign(lambda b: sum(m.role == "alternative" for m in b.methods) > 1),
    "avoid_neural": Sign(lambda b: not any("neural" in m.tags for m in b.methods), beside=("every_alternative",)),
    "report_size_and_latency": Sign(lambda b: {"parameter_count", "latency_ms"} <= set(b.measures)),
    "report_memory": Sign(lambda b: "peak_memory_mb" in b.measures),
    "primary_metric_only": Sign(lambda b: len(b.metrics) == 1),
    "vary_the_condition": Sign(lambda b: b.sweep is not None),
    "standard_condition": Sign(lambda b: b.sweep is None, topic=GRAPHS),
    "one_data_set": Sign(lambda b: len(b.datasets) == 1),
    "more_data_sets": Sign(lambda b: len(b.datasets) > 2),
    "break_down_by_class": Sign(lambda b: b.slices),
}
CODING = {
    "smoke_first": Sign(files("README.md", "try one condition first")),
    "full_run_at_once": Sign(lambda made: "--smoke" not in made["README.md"]),
    "log_progress": Sign(files("config.json", '"log": "methods"')),
    "quiet_logs": Sign(files("config.json", '"log": "quiet"')),
    "log_times": Sign(files("config.json", '"log_times": true')),
    "log_versions": Sign(lambda made: '"log_versions": []' not in made["config.json"]),
    "unit_tests": Sign(files("tests.py", "unittest")),
    "no_cluster_script": Sign(lambda made: "submit.sbatch" not in made and "sbatch" not in made["README.md"]),
    "document_functions": Sign(documented, profile=OTHERWISE),
    "no_docstrings": Sign(lambda made: not any(ast.get_docstring(node) for node in functions(made))),
    "annotate_types": Sign(annotated, profile=OTHERWISE),
    "no_type_hints": Sign(lambda made: not annotated(made)),
    "explain_in_comments": Sign(comments, profile=OTHERWISE),
    "bare_code": Sign(lambda made: not comments(made)),
    "keep_predictions": Sign(files("config.json", '"save_predictions": true')),
    "makefile": Sign(files("Makefile", "run: $(SEEDS", "SEEDS := 0 1 2 3 4\n")),
    "container": Sign(files("Dockerfile", "FROM python:", "COPY requirements.txt")),
    "conda_environment": Sign(files("environment.yml", "conda-forge", "scikit-learn==")),
    "version_ranges": Sign(
        lambda made: (
            re.search(r"scikit-learn>=\d[\d.]*,<\d", made["requirements.txt"]) and "==" not in made["requirements.txt"]
        )
    ),
    "summary_script": Sign(files("summary.py", "def main")),
    "one_command": Sign(files("run_all.sh", "for seed in 0 1 2 3 4;")),
    "mit_licence": Sign(files("LICENSE", "MIT License")),
    "citation_file": Sign(files("CITATION.cff", "cff-version")),
}
WRITING = {
    "be_brief": Sign(lambda text: "\\inputtable{metrics}" not in text.whole),
    "full_length": Sign(lambda text: "\\inputtable{metrics}" in text.whole, profile=OTHERWISE),
    "first_person": Sign(lambda text: len(re.findall(r"\b[Ww]e\b", text.whole)) > 4, profile=OTHERWISE),
    "passive_voice": Sign(lambda text: not re.search(r"\b[Ww]e\b", text.whole)),
    "answer_first": Sign(lambda text: text["abstract"].startswith("The hypothesis is supported")),
    "plain_summary": Sign(lambda text: text.order[1] == "plain_summary"),
    "bullet_contributions": Sign(lambda text: "\\item" in text["introduction"]),
    "method_before_related_work": Sign(
        lambda text: before(text, "method", "related_work") and before(text, "related_work", "setup")
    ),
    "related_work_late": Sign(
        lambda text: before(text, "limitations", "related_work") and before(text, "related_work", "conclusion")
    ),
    "no_equations": Sign(lambda text: "\\begin{equation}" not in text.whole),
    "no_figures": Sign(lambda text: "\\inputfigure" not in text.whole and "fig:" not in text.whole),
    "bar_chart": Sign(lambda text: "\\inputfigure{bars}" in text["results"]),
    "every_seed": Sign(lambda text: "\\inputtable{seeds}" in text["seeds"]),
    "discuss_costs": Sign(lambda text: "\\inputtable{costs}" in text["cost"]),
    "analyse_errors": Sign(lambda text: "differences of single seeds" in text["error_analysis"]),
    "next_steps": Sign(lambda text: "\\item" in text["next_steps"] and before(text, "conclusion", "next_steps")),
    "broader_impact": Sign(lambda text: "over-read" in text["broader_impact"]),
    "ethics": Sign(lambda text: "consent" in text["ethics"]),
    "data_availability": Sign(lambda text: "in the package" in text["data_availability"]),
    "reproducibility": Sign(lambda text: "nanoresearch reproduce" in text["reproducibility"]),
    "settings_table": Sign(lambda text: "\\inputtable{settings}" in text["settings"]),
    "notation_table": Sign(lambda text: "\\inputtable{notation}" in text["notation"]),
}
SIGNS: dict[Phase, dict[str, Sign]] = {
    "ideation": IDEATION, "planning": PLANNING, "coding": CODING, "writing": WRITING,
}  # fmt: skip


def plans(entry: Entry, sign: Sign) -> tuple[list[Directive], list[Directive]]:
    """A plan without the directive and one with it: the fixed plan, which has the defaults."""
    phase = entry.directive.phase
    others = [e.directive for e in BY_PHASE[phase] if e.default and e is not entry]
    others += [ENTRIES[name].directive for name in sign.beside]
    return others, [*others, entry.directive]


@pytest.mark.parametrize("name", [name for phase in SIGNS for name in SIGNS[phase]])
def test_a_directive_shows_in_the_way_it_says(name: str, found: WritingMaterial) -> None:
    entry = ENTRIES[name]
    phase = entry.directive.phase
    sign = SIGNS[phase][name]
    without, having = plans(entry, sign)
    make: dict[Phase, Make] = {
        "ideation": ideate,
        "planning": design,
        "coding": code,
        "writing": lambda directives, profile, _: write(found, directives, profile),
    }
    bare, made = (make[phase](directives, sign.profile, sign.topic) for directives in (without, having))
    assert bare != made
    assert sign.seen(made)
    assert not sign.seen(bare)


def test_every_directive_is_tested() -> None:
    assert {phase: set(signs) for phase, signs in SIGNS.items()} == {
        phase: {entry.directive.id for entry in entries} for phase, entries in BY_PHASE.items()
    }


@pytest.mark.parametrize("phase", list(GUIDANCE))
def test_the_catalogue_is_of_a_size_to_choose_from(phase: Phase) -> None:
    entries = BY_PHASE[phase]
    assert 16 <= len(entries) <= 24
    assert 1 <= sum(entry.default for entry in entries) <= 4
    texts = [entry.directive.text for entry in entries]
    assert all(re.fullmatch(r"[A-Z][A-Za-z0-9' -]+\.", text) and len(text.split()) <= 10 for text in texts)
    words = [frozenset(re.findall(r"\w+", text.lower())) for text in texts]
    assert len(set(words)) == len(words)


@pytest.mark.parametrize("phase", list(GUIDANCE))
def test_no_two_directives_have_the_same_effect(phase: Phase) -> None:
    guided = []
    for entry in BY_PHASE[phase]:
        plan = Plan(phase=phase, directives=(entry.directive,), planner="test")
        guided.append(guide(plan, GUIDANCE[phase]).canonical_json())
    assert len(set(guided)) == len(guided)


@pytest.mark.parametrize("name", list(WRITING))
def test_no_writing_directive_spoils_a_paper(name: str, found: WritingMaterial) -> None:
    text = write(found, plans(ENTRIES[name], WRITING[name])[1], Profile())
    check(text.manuscript, found)
    assert text["limitations"]
    assert "Input X contains NaN" in text["reproducibility"]  # what failed is told whatever the plan
    build = Build(
        engine="pdflatex", ok=True, pages=8, overfull=(), undefined=(), errors=(), inputs={}, pdf_sha256="0" * 64
    )  # fmt: skip
    review = BuiltinReviewer().review(text.manuscript, found.analysis, found.blueprint, build, 7.0)
    assert [item for item in review.remarks if item.severity != "minor"] == []


def test_all_extra_sections_go_together_in_the_passive_voice(found: WritingMaterial) -> None:
    names = [name for name, entry in ENTRIES.items() if name in WRITING and "extra_sections" in entry.directive.effect]
    text = write(found, [ENTRIES[name].directive for name in (*names[:5], "passive_voice")], Profile())
    check(text.manuscript, found)
    assert not re.search(r"\b[Ww]e\b|\b[Oo]urs?\b", text.whole)
    other = write(found, [ENTRIES[name].directive for name in names[5:]], Profile())
    check(other.manuscript, found)


def test_errors_are_analysed_by_seed_where_there_are_no_classes(tmp_path: Path, found: WritingMaterial) -> None:
    plain = found.blueprint.model_copy(update={"slices": False})
    moved = WritingMaterial(**{**found.__dict__, "blueprint": plain})
    text = write(moved, [ENTRIES["analyse_errors"].directive], Profile())
    assert "Groups of" not in text["error_analysis"]
    assert "\\result{wins." in text["error_analysis"]


def test_the_tables_that_a_plan_may_ask_for_can_be_printed(found: WritingMaterial) -> None:
    tables = {table.id: table for table in found.analysis.tables}
    for name in ("settings", "notation"):
        assert (
            "\\tabular"
            not in render_table(tables[name], two_column=False).partition("\\midrule")[2].partition("\\end")[0]
        )
        assert render_table(tables[name], two_column=True)
    values = dict(row for row in tables["settings"].rows)
    assert values["seeds"] == "\\result{settings.seeds.count}"
    assert "paired" in values["paired test"]


def test_a_smaller_design_claims_no_more_than_it_tests() -> None:
    made = design([ENTRIES["one_component"].directive], Profile(), TABLES)
    (left,) = made.components
    assert left.name in made.hypothesis
    assert "left out to keep the design small" in " ".join(made.unanswered)
    dropped = [item for item in made.unanswered if "to keep the design small" in item]
    assert len(dropped) == 2
    assert not any(item.partition(",")[0] in made.hypothesis + made.prediction for item in dropped)


def test_more_data_sets_give_way_to_the_budget_one_by_one() -> None:
    rich = design([ENTRIES["more_data_sets"].directive], Profile(), TABLES)
    tight = Profile(compute=Compute(minutes=rich.forecast_minutes * 0.8))
    poor = design([ENTRIES["more_data_sets"].directive], tight, TABLES)
    assert poor.forecast_minutes <= tight.compute.minutes
    assert 1 < len(poor.datasets) < len(rich.datasets)


def test_a_later_wish_takes_a_tag_off_the_opposite_list() -> None:
    chosen = tuple(ENTRIES[name].directive for name in ("avoid_ensembles", "prefer_ensembles"))
    guidance = guide(Plan(phase="ideation", directives=chosen, planner="test"), IdeationGuidance)
    assert "ensemble" in guidance.prefer_tags
    assert guidance.avoid_tags == ("tree",)


# The researcher's own directives


@pytest.mark.parametrize(
    ("effect", "message"),
    [
        ("wings = 2", "directive mine: planning has no effect wings; valid here: ablation, alternatives, "),
        ("seeds = 1", "directive mine: seeds: Input should be greater than or equal to 2"),
        ('test = "guess"', "directive mine: test: Input should be 'paired_t' or 'wilcoxon'"),
        ('lead = "answer"', "planning has no effect lead"),
        ("", "at least 1 item"),
    ],
)
def test_own_directives_are_checked_when_the_profile_is_read(tmp_path: Path, effect: str, message: str) -> None:
    home = Home(tmp_path)
    home.profiles.mkdir(parents=True)
    text = f'[[directives]]\nid = "mine"\nphase = "planning"\ntext = "Do it my way."\neffect = {{ {effect} }}\n'
    (home.profiles / "ada.toml").write_text(text)
    with pytest.raises(ConfigError, match=re.escape(message)):
        load_profile(home, "ada")


def test_own_directives_act_like_those_of_the_catalogue(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.profiles.mkdir(parents=True)
    (home.profiles / "ada.toml").write_text(
        '[[directives]]\nid = "mine"\nphase = "planning"\ntext = "Use nine seeds."\neffect = { seeds = 9 }\n'
    )
    assert len(design(load_profile(home, "ada").directives, Profile(), TABLES).seeds) == 9


# What the coding directives write, at work


def run(folder: Path, *command: str) -> str:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def written(folder: Path, *names: str) -> Path:
    """The code of two methods that meet no trouble in the data."""
    whole = design([ENTRIES["established_alternative"].directive], USUAL, TABLES)
    lean = tuple(method for method in whole.methods if method.role in ("reference", "alternative"))
    small = whole.model_copy(update={"methods": lean, "components": (), "seeds": (0, 1)})
    plan = Plan(phase="coding", directives=tuple(ENTRIES[name].directive for name in names), planner="test")
    for name, content in BuiltinCoder().write(Briefing(TABLES, Profile(), plan), small).files.items():
        (folder / name).write_text(content)
    return folder


def test_one_command_runs_every_seed_and_the_summary_reads_what_it_left(tmp_path: Path) -> None:
    folder = written(
        tmp_path, "one_command", "summary_script", "log_times", "log_versions", "quiet_logs", "no_docstrings"
    )
    log = run(folder, "sh", "run_all.sh", "no-data-here")
    assert re.search(r"^Python 3[\d.]+, .*scikit-learn \d", log)
    assert re.search(r"seed 1: wine +done in [\d.]+ s", log)
    assert re.search(r"seed 1: [\d.]+ s of processor time altogether", log)
    assert "majority done" not in log
    lines = [line.split("\t") for line in run(folder, sys.executable, "summary.py").splitlines()]
    methods, metrics = 2, len(frozen().metrics) + len(frozen().measures)
    assert len(lines) == methods * metrics * len(frozen().datasets)
    assert {line[6] for line in lines} == {"2"}


def test_progress_and_predictions_are_kept_and_quiet_is_quiet(tmp_path: Path) -> None:
    folder = written(tmp_path, "log_progress", "keep_predictions", "no_type_hints", "bare_code")
    log = run(folder, sys.executable, "run.py", "--seed", "0", "--data", "no-data-here")
    assert len(re.findall("majority done$", log, re.MULTILINE)) == len(frozen().datasets)
    assert len(list((folder / "predictions").iterdir())) == 2 * len(frozen().datasets)
    written(folder, "quiet_logs")
    assert run(folder, sys.executable, "run.py", "--seed", "0", "--data", "no-data-here") == ""


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_the_makefile_can_be_read(tmp_path: Path) -> None:
    folder = written(tmp_path, "makefile", "unit_tests", "summary_script", "smoke_first")
    plan = run(folder, "make", "--no-print-directory", "-n", "run", "DATA=there")
    assert plan.splitlines() == [f"python run.py --seed {seed} --data there" for seed in (0, 1)]
    for target in ("smoke", "test", "summary", "install", "clean"):
        assert run(folder, "make", "-n", target)


def test_classes_may_differ_between_data_sets(found: WritingMaterial, tmp_path: Path) -> None:
    odd = found.ledger.results[0].dataset
    kept = [item for item in found.ledger.results if not (item.dataset == odd and item.metric.endswith(":7"))]
    ledger = Ledger(found.blueprint, kept, found.ledger.measurements)
    briefing = Briefing("topic", USUAL, Plan(phase="coding", directives=(), planner="test"))
    analysis = BuiltinAnalyst().analyse(briefing, ledger, found.folder)
    assert sum(table.id.startswith("slices-") for table in analysis.tables) == len(found.blueprint.datasets)
    drawings = [figure for figure in analysis.figures if figure.id.startswith("slices-")]
    assert len(drawings) == len(found.blueprint.datasets)
    for figure in drawings:
        values = partial(derive, ledger=ledger)
        drawn = draw(figure, found.blueprint, ledger.results, values, tmp_path, width_in=4.6)
        assert any("7" in value.mark for value in drawn.drawing.values) is (figure.dataset != odd)


def test_a_class_whose_label_is_a_number_is_not_printed_as_one(found: WritingMaterial) -> None:
    text = write(found, [ENTRIES["analyse_errors"].directive], USUAL)
    assert "fares best" in text["error_analysis"]
    assert not re.search(r"\\name\{\d+\}", text["error_analysis"])
