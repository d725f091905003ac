import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanoresearch.errors import ConfigError
from nanoresearch.planner.choices import Menu, Progress, branch_bonus

MENU = Menu(((1, 2, 9), (1, 3, 9), (4, 9), (5, 6, 9)), end=0, least=2, most=3)


def write_randomly(menu: Menu, seed: int) -> tuple[list[int], Progress]:
    draw, at, tokens = random.Random(seed), Progress(), []
    while options := menu.options(at):
        token = draw.choice(list(options))
        tokens.append(token)
        at = menu.advance(at, token)
    return tokens, at


@given(st.integers(0, 10_000))
def test_every_plan_is_made_of_distinct_directives_within_bounds(seed: int) -> None:
    tokens, at = write_randomly(MENU, seed)
    assert at.done
    assert len(set(at.chosen)) == len(at.chosen)
    assert 2 <= len(at.chosen) <= 3
    assert tokens == MENU.write(at.chosen)
    for branch in MENU.branches(tokens):
        assert branch.tokens[branch.taken] == tokens[branch.position]
        assert len(branch.tokens) > 1


def test_forced_tokens_are_followed_to_the_next_choice() -> None:
    forced, at, options = MENU.force(MENU.advance(Progress(), 5))
    assert forced == [6, 9]
    assert at.chosen == (3,)
    assert set(options) == {1, 4}


def test_the_end_is_allowed_only_after_the_least_number() -> None:
    assert 0 not in MENU.options(Progress((0,)))
    assert 0 in MENU.options(Progress((0, 1)))
    assert MENU.options(Progress((0, 1, 2))) == {0: ()}


def test_a_plan_holds_no_two_rivals() -> None:
    menu = Menu(
        MENU.lines, end=0, least=1, most=3, rivals=(frozenset({1, 2}), frozenset({0}), frozenset({0}), frozenset())
    )
    assert set(menu.options(Progress((0,)))) == {5, 0}
    assert set(menu.options(Progress((1,)))) == {4, 5, 0}
    with pytest.raises(ValueError, match="not on the menu"):
        menu.branches(menu.write((2, 0)))


def test_a_catalogue_with_one_directive_leaves_no_choice() -> None:
    menu = Menu(((7, 8),), end=0, least=1, most=1)
    forced, at, options = menu.force(Progress())
    assert (forced, at.done, options) == ([7, 8, 0], True, {})
    assert menu.branches([7, 8, 0]) == []


@pytest.mark.parametrize("lines", [(), ((1, 2), (1, 2)), ((1,), (1, 2))])
def test_menus_that_cannot_be_told_apart_are_refused(lines: tuple[tuple[int, ...], ...]) -> None:
    with pytest.raises(ConfigError):
        Menu(lines, end=0)


@pytest.mark.parametrize("tokens", [[4, 9], [4, 9, 5, 6, 9], [2], [4, 9, 4, 9, 0]])
def test_tokens_that_are_no_plan_are_refused(tokens: list[int]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        MENU.branches(tokens)


def test_a_branch_gets_the_mean_odds_of_what_is_behind_it() -> None:
    import math

    assert branch_bonus([(0,), (0, 1), ()], [2.0, 0.0]) == pytest.approx([2.0, math.log((math.e**2 + 1) / 2), 0.0])
