"""What is learned from records: troubles that a cure ended, outcomes under their conditions, and what skills earned."""

import re
from dataclasses import replace

import pytest

from nanoresearch.crew.builtin.designer import BuiltinDesigner
from nanoresearch.crew.builtin.kits import load_kits
from nanoresearch.crew.builtin.reflect import BuiltinReflector
from nanoresearch.crew.builtin.reflect.cures import learned_cures
from nanoresearch.crew.builtin.reflect.drafts import CHANGES, TROUBLES
from nanoresearch.crew.builtin.sizing import STEPS, forecast_from
from nanoresearch.crew.builtin.troubles import trouble
from nanoresearch.crew.builtin.writer.revision import RULES, rule_for
from nanoresearch.crew.roles import Trajectory
from nanoresearch.evidence.statistics import Ledger
from nanoresearch.experience.linter import lint_skill
from nanoresearch.schema.analysis import Analysis, Finding
from nanoresearch.schema.blueprint import Blueprint, Critique, Objection
from nanoresearch.schema.experience import (
    Lessons,
    Memory,
    Recall,
    RetrievedMemory,
    RetrievedSkill,
    Score,
    Situation,
    Skill,
)
from nanoresearch.schema.experiment import Preparation, Result
from nanoresearch.schema.idea import Hypothesis, Ideas, NoveltyReport, NoveltyVerdict, Proposal
from nanoresearch.schema.manuscript import Manuscript, Remark, Review
from nanoresearch.schema.profile import Compute, Profile

from .conftest import TOPIC, briefing_for
from .lived import GAPS, OTHER_TEXT, TEXT, attempt, failure, memory, skill

SCORE = Score(keyword=1, tags=1, recency=1, total=3)
REFLECTOR = BuiltinReflector()


def recall(*entries: Skill | Memory) -> Recall:
    return Recall(
        situation=Situation(kind="coding", profile="default", project="p", text="t"),
        skills=tuple(RetrievedSkill(skill=item, score=SCORE) for item in entries if isinstance(item, Skill)),
        memories=tuple(RetrievedMemory(memory=item, score=SCORE) for item in entries if isinstance(item, Memory)),
    )


def ledger(blueprint: Blueprint, seconds: float = 0.5) -> Ledger:
    costs = [
        Result(
            id=f"m{number:05d}", method=method.id, dataset=staged.card.id, metric="fit_seconds", value=seconds,
            seed=seed, condition="", attempt=1, commit="c", blueprint="b",
        )
        for number, (seed, staged, method) in enumerate(
            (seed, staged, method)
            for seed in blueprint.seeds
            for staged in blueprint.datasets
            for method in blueprint.methods
        )
    ]  # fmt: skip
    return Ledger(blueprint, (), costs)


def analysis(blueprint: Blueprint, verdict: str = "refuted", component: str = "better") -> Analysis:
    primary = {"supported": "better", "refuted": "worse", "inconclusive": "no_difference"}[verdict]
    findings = [
        Finding(
            id=item.id,
            kind="primary" if item.primary else "component",
            verdict=primary if item.primary else component,
            method=item.method,
            versus=item.versus,
            dataset=item.dataset,
        )
        for item in blueprint.comparisons
        if item.id.partition(".")[0] in ("main", "single")
    ]
    return Analysis.model_validate(
        {"verdict": verdict, "verdict_reason": "it is so", "findings": findings, "figures": (), "tables": (),
         "numbers": ()}
    )  # fmt: skip


@pytest.fixture
def past(blueprint: Blueprint) -> Trajectory:
    return Trajectory(
        stage="experiments",
        run="20260101-000000-a-run",
        project="p",
        topic=TOPIC,
        profile=Profile(),
        blueprint=blueprint,
        attempts=(attempt(1),),
        ledger=ledger(blueprint),
        analysis=analysis(blueprint),
    )


def kinds(lessons: Lessons) -> dict[str, Memory]:
    return {item.kind: item for item in lessons.memories}


# Troubles


def test_the_same_trouble_on_other_data_has_the_same_name(blueprint: Blueprint) -> None:
    assert trouble(TEXT) == trouble(OTHER_TEXT) == "ValueError: could not convert string to float"
    assert trouble(TEXT) != trouble(GAPS)
    first = failure("KeyError @ data.py:load: \"['sex', 'year'] not in index\"")
    second = failure("KeyError @ data.py:load: \"['age'] not in index\"")
    assert trouble(first) == trouble(second)
    named = failure("ValueError @ data.py:load: the table wine has no rows")
    assert "wine" not in trouble(named, blueprint)
    slow = failure("ConvergenceWarning @ models.py:fit: lbfgs failed to converge after N iteration(s) (status=N):")
    assert trouble(slow) == "ConvergenceWarning: lbfgs failed to converge after"


def test_a_cure_that_helped_becomes_a_skill_that_names_nothing_of_the_run(past: Trajectory) -> None:
    tried = (
        attempt(1, TEXT, patch="encode_categories", patch_reason="why"),
        attempt(2, GAPS, patch="impute_missing", patch_reason="why"),
        attempt(3),
    )
    skills = [item for item in REFLECTOR.reflect(replace(past, attempts=tried)).skills if item.kind == "debugging"]
    assert [item.remedy.target for item in skills if item.remedy] == ["encode_categories", "impute_missing"]
    assert [item.trigger for item in skills] == [trouble(TEXT), trouble(GAPS)]
    for item in skills:
        assert item.remedy
        assert (item.remedy.crew, item.remedy.action, item.remedy.scope) == ("builtin", "fix", "tabular_classification")
        assert lint_skill(item, forbidden=("wine", "breast-cancer", "Biscoe", past.run)) == []
        assert not re.search(r"\d|Biscoe|\.py", f"{item.when} {item.what}")


def test_a_cure_that_did_not_help_teaches_nothing(past: Trajectory) -> None:
    again = (attempt(1, GAPS, patch="impute_missing"), attempt(2, GAPS, patch="encode_categories"), attempt(3))
    own = failure("TypeError @ models.py:impute_missing: bad operand")
    broke = (attempt(1, GAPS, patch="impute_missing"), attempt(2, own, patch="encode_categories"), attempt(3))
    for tried in (again, broke):
        skills = REFLECTOR.reflect(replace(past, attempts=tried)).skills
        assert [item.remedy.target for item in skills if item.kind == "debugging" and item.remedy] == [
            "encode_categories"
        ]
        fixes = kinds(REFLECTOR.reflect(replace(past, attempts=tried)))["configuration"].facts["fixes"]
        assert fixes == ["encode_categories"]


# Outcomes


def test_a_hypothesis_is_remembered_with_its_outcome_and_conditions(past: Trajectory, blueprint: Blueprint) -> None:
    for verdict in ("supported", "refuted", "inconclusive"):
        found = kinds(REFLECTOR.reflect(replace(past, analysis=analysis(blueprint, verdict))))["hypothesis"]
        assert found.outcome == verdict
        assert set(found.facts["components"]) == {"class_weights", "quantiles"}
        assert set(found.conditions["dataset"]) == {"wine", "breast-cancer"}
        assert found.conditions["metric"] == ("balanced_accuracy",)
        assert (found.profile, found.project, found.run) == ("default", "p", past.run)
        assert bool(found.facts["worse_on"]) is (verdict == "refuted")


def test_a_configuration_holds_cures_from_the_start_and_on_the_way(past: Trajectory) -> None:
    prepared = (Preparation(fix="standardise", reason="why", skill="some-skill"),)
    tried = (attempt(1, TEXT, patch="encode_categories"), attempt(2))
    found = kinds(REFLECTOR.reflect(replace(past, prepared=prepared, attempts=tried)))["configuration"]
    assert found.outcome == "validated"
    assert found.facts["fixes"] == ["standardise", "encode_categories"]
    assert found.facts["seeds"] == 5
    assert found.facts["alternatives"] == ["gradient_boosting"]


def test_measured_seconds_add_up_to_the_time_of_a_process(past: Trajectory, blueprint: Blueprint) -> None:
    memories = REFLECTOR.reflect(past).memories
    found = {item.conditions["dataset"][0]: item for item in memories if item.kind == "resource"}
    assert set(found) == {"wine", "breast-cancer"}
    whole = found["wine"].facts["start_up"] + sum(sum(item.facts["seconds"].values()) for item in found.values())
    assert whole == pytest.approx(12.0, abs=0.01)
    assert found["wine"].facts["seconds"]["baseline+class_weights"] >= 0.5
    assert found["wine"].conditions["hardware"] == ("cores:2",)


def test_an_experiment_that_was_given_up_leaves_memories(past: Trajectory) -> None:
    late = failure("TimeLimit: not done after N s")
    tried = (attempt(1, TEXT, patch="encode_categories"), attempt(2, late, outcome="timed_out"))
    lessons = REFLECTOR.reflect(replace(past, attempts=tried, analysis=None, ledger=None))
    assert kinds(lessons)["configuration"].outcome == "failed"
    assert kinds(lessons)["configuration"].facts["fixes"] == ["encode_categories"]
    assert kinds(lessons)["resource"].facts["slowdown"] > 1.5
    assert "hypothesis" not in kinds(lessons)


def test_what_learned_from_fewer_rows_says_nothing_of_time(past: Trajectory) -> None:
    late = failure("TimeLimit: not done after N s")
    tried = (attempt(1, late, outcome="timed_out", patch="halve_rows"), attempt(2))
    assert "resource" not in kinds(REFLECTOR.reflect(replace(past, attempts=tried)))


def test_only_what_was_better_and_never_worse_is_preferred(past: Trajectory, blueprint: Blueprint) -> None:
    def preferred(component: str) -> set[str]:
        lessons = REFLECTOR.reflect(replace(past, analysis=analysis(blueprint, "inconclusive", component)))
        return {item.remedy.target for item in lessons.skills if item.kind == "ideation" and item.remedy}

    assert preferred("better") == {"class_weights", "quantiles"}
    assert preferred("worse") == preferred("no_difference") == set()
    mixed = analysis(blueprint, "inconclusive", "better")
    worse = next(item for item in mixed.findings if item.method == "with_quantiles")
    findings = (*mixed.findings, worse.model_copy(update={"verdict": "worse", "dataset": "other"}))
    lessons = REFLECTOR.reflect(replace(past, analysis=mixed.model_copy(update={"findings": findings})))
    assert [item.remedy.target for item in lessons.skills if item.remedy] == ["class_weights"]


def test_making_good_what_another_component_spoils_is_no_merit(past: Trajectory, blueprint: Blueprint) -> None:
    plain = analysis(blueprint, "inconclusive", "no_difference")
    repaired = [
        Finding(id=item.id, kind="ablation", verdict="better", method=item.method, versus=item.versus)
        for item in blueprint.comparisons
        if item.id.startswith("without")
    ]
    assert repaired
    told = plain.model_copy(update={"findings": (*plain.findings, *repaired)})
    assert REFLECTOR.reflect(replace(past, analysis=told)).skills == ()
    alone = plain.model_copy(update={"findings": tuple(repaired)})
    assert len(REFLECTOR.reflect(replace(past, analysis=alone)).skills) == 2


# Drafts and reviews


def planned(past: Trajectory, *objections: Objection, **changes: object) -> Trajectory:
    critiques = (
        Critique(round=1, passed=False, objections=objections),
        Critique(round=2, passed=True, objections=()),
    )
    return replace(past, stage="ideation_and_planning", critiques=critiques, **changes)  # type: ignore[arg-type]


def test_an_objection_that_was_answered_becomes_a_rule(past: Trajectory, blueprint: Blueprint) -> None:
    fewer = blueprint.model_copy(update={"seeds": (0, 1, 2)})
    lessons = REFLECTOR.reflect(planned(past, Objection(kind="over_budget", text="x"), blueprint=fewer))
    assert [item.remedy.target for item in lessons.skills if item.remedy] == ["over_budget:three_seeds"]
    control = REFLECTOR.reflect(planned(past, Objection(kind="missing_control", text="x")))
    assert [item.remedy.target for item in control.skills if item.remedy] == ["missing_control:control"]
    assert control.skills[0].kind == "planning"
    assert lint_skill(control.skills[0], forbidden=("wine",)) == []


def test_a_design_that_never_passed_teaches_nothing(past: Trajectory) -> None:
    given_up = planned(past, Objection(kind="over_budget", text="x"))
    assert REFLECTOR.reflect(replace(given_up, critiques=given_up.critiques[:1])).skills == ()


def test_every_change_has_words() -> None:
    assert set(STEPS) <= set(CHANGES)
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert not re.search(r"\d", " ".join((*CHANGES.values(), *TROUBLES.values(), *(rule.advice for rule in RULES))))


def test_what_prior_work_covers_is_remembered(past: Trajectory, hypothesis: Hypothesis) -> None:
    other = hypothesis.model_copy(update={"id": "h2", "components": ("quantiles",)})
    ideas = Ideas(proposals=tuple(Proposal(hypothesis=item, distinctive_terms=("a",)) for item in (hypothesis, other)))
    verdicts = tuple(
        NoveltyVerdict(hypothesis=name, verdict=verdict, reason="A work does it.", closest=(), searched=9)
        for name, verdict in (("h1", "novel"), ("h2", "covered"))
    )
    novelty = NoveltyReport(verdicts=verdicts, chosen="h1", reason="new")
    (found,) = REFLECTOR.reflect(replace(past, stage="ideation_and_planning", ideas=ideas, novelty=novelty)).memories
    assert (found.kind, found.outcome) == ("decision", "noted")
    assert found.conditions["component"] == ("quantiles",)


DOUBLED = Remark(section="results", kind="style", severity="minor", text='The word "the" is doubled.')
WIDE = Remark(section="paper", kind="formatting", severity="major", text="Something sticks out of its column: x")


def reviewed(past: Trajectory, *rounds: tuple[Remark, ...]) -> Trajectory:
    reviews = tuple(
        Review(revision=number, coherence=9, claims=9, formatting=9, remarks=remarks, passed=True)
        for number, remarks in enumerate(rounds)
    )
    return replace(past, stage="writing", reviews=reviews)


def test_a_remark_that_was_answered_becomes_a_rule_for_every_paper(past: Trajectory) -> None:
    (found,) = REFLECTOR.reflect(reviewed(past, (DOUBLED,), ())).skills
    assert found.kind == "writing"
    assert found.remedy
    assert found.remedy.target == "drop_doubled_words"
    assert found.remedy.scope == ""
    assert REFLECTOR.reflect(reviewed(past, (DOUBLED,), (DOUBLED,))).skills == ()
    assert REFLECTOR.reflect(reviewed(past, (DOUBLED,))).skills == ()
    assert rule_for(WIDE)
    assert REFLECTOR.reflect(reviewed(past, (WIDE,), ())).skills == ()  # no text shows what will stick out


# Credit


def test_a_prepared_cure_earns_by_what_did_not_happen(past: Trajectory) -> None:
    known = skill("debugging", "fix", "impute_missing", trigger=trouble(GAPS))
    remembered = memory("configuration", "validated", {"study": ("tabular_classification",)})
    prepared = (
        Preparation(fix="impute_missing", reason="why", skill=known.id),
        Preparation(fix="standardise", reason="why", skill=remembered.id),
    )
    told = replace(past, prepared=prepared, recalls=(recall(known, remembered),))
    (good,) = REFLECTOR.reflect(told).credits
    assert (good.skill, good.helped) == (known.id, True)
    for bad in (GAPS, failure("TypeError @ models.py:impute_missing: bad operand")):
        tried = (attempt(1, bad, patch="encode_categories"), attempt(2))
        (found,) = REFLECTOR.reflect(replace(told, attempts=tried)).credits
        assert not found.helped
    gave_up = (attempt(1, failure("ZeroDivisionError: division by zero")),)
    assert REFLECTOR.reflect(replace(told, attempts=gave_up, analysis=None)).credits == ()


def test_a_cure_in_the_debug_loop_earns_by_the_next_attempt(past: Trajectory) -> None:
    first = attempt(1, GAPS, patch="impute_missing", skill="fix-it")
    (good,) = REFLECTOR.reflect(replace(past, attempts=(first, attempt(2)))).credits
    assert good.helped
    (other,) = REFLECTOR.reflect(replace(past, attempts=(first, attempt(2, TEXT)))).credits
    assert other.helped
    (bad,) = REFLECTOR.reflect(replace(past, attempts=(first, attempt(2, GAPS)))).credits
    assert not bad.helped
    assert REFLECTOR.reflect(replace(past, attempts=(first,))).credits == ()
    assert [item for item in REFLECTOR.reflect(replace(past, attempts=(first, attempt(2)))).skills
            if item.kind == "debugging"] == []  # fmt: skip


def test_a_planning_skill_earns_when_its_objection_stays_away(past: Trajectory, blueprint: Blueprint) -> None:
    used, unused = skill("planning", "mend", "over_budget:three_seeds"), skill("planning", "mend", "taboo:x")
    informed = blueprint.model_copy(update={"informed_by": (used.id,)})
    told = replace(planned(past, blueprint=informed), recalls=(recall(used, unused),))
    assert [(item.skill, item.helped) for item in REFLECTOR.reflect(told).credits] == [(used.id, True)]
    again = planned(past, Objection(kind="over_budget", text="x"), blueprint=informed, recalls=(recall(used),))
    assert [(item.skill, item.helped) for item in REFLECTOR.reflect(again).credits] == [(used.id, False)]


def test_a_writing_skill_earns_when_the_first_review_has_no_such_remark(past: Trajectory) -> None:
    used = skill("writing", "revise", "drop_doubled_words", scope="")
    paper = Manuscript(
        title="t", authors="", affiliation="", format="article", keywords=(), sections=(), numbers=(),
        informed_by=(used.id,),
    )  # fmt: skip
    for remarks, helped in (((), True), ((DOUBLED,), False)):
        told = replace(reviewed(past, remarks), manuscript=paper, recalls=(recall(used),))
        assert [item.helped for item in REFLECTOR.reflect(told).credits] == [helped]
    unused = replace(reviewed(past, ()), manuscript=paper.model_copy(update={"informed_by": ()}))
    assert REFLECTOR.reflect(replace(unused, recalls=(recall(used),))).credits == ()


@pytest.mark.parametrize("told", [True, False])
def test_a_preference_earns_by_what_the_component_does_again(
    past: Trajectory, blueprint: Blueprint, told: bool
) -> None:
    name = "prefer-quantiles-in-tabular-classification"
    used = skill("ideation", "prefer", "quantiles", id=name)
    ideas = Ideas(proposals=(), informed_by=(name,))
    recalls = (recall(used),) if told else ()
    for verdict, helped in (("better", [True]), ("worse", [False]), ("no_difference", [])):
        lived = replace(past, ideas=ideas, recalls=recalls, analysis=analysis(blueprint, "inconclusive", verdict))
        assert [item.helped for item in REFLECTOR.reflect(lived).credits] == helped


# Where a study stands


def test_the_more_is_decided_the_more_conditions_are_known(blueprint: Blueprint, hypothesis: Hypothesis) -> None:
    profile = Profile(compute=Compute(cores=3, memory_gb=8))
    tags, early = REFLECTOR.situate(TOPIC, profile, None, None)
    assert "tabular_classification" in tags
    assert set(early) == {"study", "domain", "dataset"}
    assert set(early["dataset"]) == {"wine", "breast-cancer"}
    open_topic = "Do additions to logistic regression help classification of tabular data?"
    assert set(REFLECTOR.situate(open_topic, profile, None, None)[1]) == {"study", "domain"}
    _, later = REFLECTOR.situate(TOPIC, profile, hypothesis, None)
    assert later["component"] == hypothesis.components
    assert later["hardware"] == ("cores:3", "memory_gb:8")
    _, last = REFLECTOR.situate(open_topic, profile, hypothesis, blueprint)
    assert set(last["dataset"]) == {"wine", "breast-cancer"}
    assert last["metric"] == ("balanced_accuracy",)


# From one run to the next


def test_what_one_run_measured_is_what_the_next_expects(
    past: Trajectory, blueprint: Blueprint, hypothesis: Hypothesis, tmp_path_factory: pytest.TempPathFactory
) -> None:
    memories = REFLECTOR.reflect(past).memories
    forecast = forecast_from(memories, "tabular_classification", 2)
    assert set(forecast.sources) == {"wine", "breast-cancer"}
    briefing = replace(briefing_for("planning"), memories=memories)
    root = tmp_path_factory.mktemp("data")
    again = BuiltinDesigner().design(briefing, hypothesis, None, root)
    waves = 3  # five seeds on two cores
    assert again.forecast_minutes == pytest.approx(12.0 * waves / 60, abs=0.01)
    assert set(again.informed_by) == set(forecast.sources.values())
    assert forecast_from(memories, "tabular_classification", 8).sources == {}
    assert forecast_from(memories, "count_regression", 2).sources == {}


def test_every_cure_of_every_kit_makes_a_skill_that_may_be_shared(past: Trajectory) -> None:
    for kit in load_kits().values():
        for fix in kit.fixes:
            study = past.blueprint.model_copy(update={"study": kit.id}) if past.blueprint else None
            tried = (attempt(1, GAPS, patch=fix.id), attempt(2))
            assert study
            (found,) = learned_cures(replace(past, attempts=tried), study, kit)
            assert lint_skill(found, forbidden=("wine", "breast-cancer")) == []
