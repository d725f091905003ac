"""Trust: earned in two projects, lost where a skill probably harms, restored only by hand."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from nanoresearch.experience.life_cycle import confidence, credit, harm, judge, revive
from nanoresearch.schema.experience import Skill

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def a_skill(**fields: object) -> Skill:
    return Skill.model_validate({"id": "a", "kind": "coding", "when": "Always.", "what": "Do it.", **fields})


def after(*outcomes: tuple[bool, str]) -> Skill:
    skill = a_skill()
    for helped, project in outcomes:
        skill = credit(skill, helped, project, NOW)
    return skill


def test_confidence_is_the_mean_of_the_posterior() -> None:
    assert confidence(a_skill()) == 0.5
    assert confidence(a_skill(successes=3, failures=1)) == pytest.approx(4 / 6)


@given(st.integers(0, 3000), st.integers(0, 3000))
def test_harm_agrees_with_the_beta_distribution(successes: int, failures: int) -> None:
    expected = beta(1 + successes, 1 + failures).cdf(0.5)
    assert harm(a_skill(successes=successes, failures=failures)) == pytest.approx(expected, abs=1e-3)


def test_success_in_two_projects_earns_trust() -> None:
    assert after((True, "p"), (True, "p"), (True, "p")).status == "candidate"
    assert after((True, "p"), (False, "q")).status == "candidate"
    trusted = after((True, "p"), (False, "p"), (True, "q"))
    assert (trusted.status, trusted.uses, trusted.successes, trusted.failures) == ("trusted", 3, 2, 1)
    assert trusted.projects == ("p", "q")
    assert trusted.updated.startswith("2030-01-01")


def test_four_failures_retire_and_three_do_not() -> None:
    assert after(*[(False, "p")] * 3).status == "candidate"
    assert after(*[(False, "p")] * 4).status == "retired"
    assert after((True, "p"), *[(False, "p")] * 4).status == "candidate", "P is 0.89"


def test_a_retired_one_stays_retired_until_restored() -> None:
    retired = after(*[(False, "p")] * 4)
    for project in "pqrstuvwxyz":
        retired = credit(retired, True, project, NOW)
    assert retired.status == "retired"
    assert revive(retired).status == "trusted"
    assert revive(retired).successes == 11


def test_one_that_would_be_retired_at_once_starts_anew() -> None:
    alive = revive(after(*[(False, "p")] * 6))
    assert (alive.status, alive.uses, alive.failures) == ("candidate", 0, 0)
    assert credit(alive, False, "p", NOW).status == "candidate"


@given(st.lists(st.tuples(st.booleans(), st.sampled_from("pqr")), max_size=12))
def test_counts_add_up_whatever_happens(outcomes: list[tuple[bool, str]]) -> None:
    skill = after(*outcomes)
    assert skill.uses == len(outcomes) == skill.successes + skill.failures
    assert set(skill.projects) == {project for helped, project in outcomes if helped}
    assert judge(skill) == skill.status
