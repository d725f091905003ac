"""Plans sampled from a teacher that mixes two readings of a prompt."""

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("peft")

from nanoresearch.planner.policy import Policy  # noqa: E402
from nanoresearch.planner.sdpo import Teacher, compare  # noqa: E402
from nanoresearch.planner.teacher_plans import sample_teacher  # noqa: E402

SENTENCES = ["Use ten seeds.", "Use two seeds.", "Report memory.", "Be brief.", "Ablate."]
BONUS = (4.0, 0.0, 0.0, -4.0, 0.0)


def parts(tiny):  # type: ignore[no-untyped-def]
    policy = Policy(tiny)
    plain, told = (policy.read(tiny.chat(words), adapter=False) for words in ("Plan.", "Plan. More memory!"))
    return policy, tiny.menu(SENTENCES), plain, told


def draw(policy, menu, teacher: Teacher, count: int = 12):  # type: ignore[no-untyped-def]
    return sample_teacher(policy, menu, teacher, count, torch.Generator().manual_seed(3))


@pytest.mark.parametrize("weight", [0.5, 2.0])
def test_two_equal_readings_are_one(tiny, weight: float) -> None:  # type: ignore[no-untyped-def]
    policy, menu, plain, _ = parts(tiny)
    alone = draw(policy, menu, Teacher(plain, None, 0.0, BONUS, adapter=False))
    assert draw(policy, menu, Teacher(plain, plain, weight, BONUS, adapter=False)) == alone


def test_weight_one_is_the_informed_reading_alone(tiny) -> None:  # type: ignore[no-untyped-def]
    policy, menu, plain, told = parts(tiny)
    alone = draw(policy, menu, Teacher(told, None, 0.0, BONUS, adapter=False))
    assert draw(policy, menu, Teacher(plain, told, 1.0, BONUS, adapter=False)) == alone


def test_a_mixture_is_sampled_as_often_as_it_is_likely(tiny) -> None:  # type: ignore[no-untyped-def]
    policy, menu, plain, told = parts(tiny)
    teacher = Teacher(plain, told, 2.0, (0.0,) * 5, adapter=False)
    plans = draw(policy, menu, teacher, 400)
    scored = compare(policy, menu, plain, plans[:1], teacher)
    first = menu.branches(plans[0].tokens)[0]
    columns = sorted({token for line in menu.lines for token in line} | {menu.end})
    chance = float(scored.teacher[0, columns.index(first.tokens[first.taken])].exp())
    seen = sum(plan.tokens[first.position] == plans[0].tokens[first.position] for plan in plans) / len(plans)
    assert seen == pytest.approx(chance, abs=0.1)
