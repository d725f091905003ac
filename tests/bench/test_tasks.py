"""The packaged tasks."""

import pytest

from nanoresearch.bench.checks import KINDS
from nanoresearch.bench.tasks import choose_tasks, load_tasks, profile_of
from nanoresearch.crew.builtin.reading import read_topic
from nanoresearch.errors import UsageError
from nanoresearch.schema.profile import Profile


def test_there_are_twenty_tasks_in_seven_domains() -> None:
    tasks = load_tasks()
    assert len(tasks) == 20
    assert len({task.domain for task in tasks.values()}) == 7


@pytest.mark.parametrize("task", load_tasks().values(), ids=lambda task: task.question_id)
def test_a_task_is_whole(task) -> None:  # type: ignore[no-untyped-def]
    context = task.extra_context
    implicit = [check for check in context.checks if check.implicit]
    assert len(implicit) >= 2
    assert {check.kind for check in context.checks} <= set(KINDS)
    assert len({check.model_dump_json() for check in context.checks}) == len(context.checks)
    assert context.held_out in load_tasks()
    assert context.held_out != task.question_id
    assert load_tasks()[context.held_out].domain == task.domain
    read_topic(task.problem_statement, profile_of(task))  # raises where the crew would refuse it


def test_the_profile_says_what_is_required_and_nothing_implicit() -> None:
    task = load_tasks()["nlp-03-label-budget"]
    profile = profile_of(task)
    assert (profile.statistics.seeds, profile.writing.format) == (5, "twocolumn")
    plain = Profile(name=task.question_id)
    for task in load_tasks().values():
        profile = profile_of(task)
        assert profile.directives == ()
        assert (profile.coding, profile.preferences) == (plain.coding, ())


def test_limits_of_a_task_are_not_those_of_its_held_out_topic() -> None:
    task = load_tasks()["nlp-02-review-leakage"]
    assert profile_of(task).compute.minutes == 3
    assert profile_of(task, held_out=True).compute.minutes == Profile().compute.minutes
    assert profile_of(task, held_out=True).statistics.seeds == 10


def test_tasks_are_chosen_by_the_beginning_of_their_names() -> None:
    assert [task.question_id for task in choose_tasks(("ts-03", "ts-03", "cv-01-tiny-digits"))] == [
        "ts-03-forecast-combination",
        "cv-01-tiny-digits",
    ]
    assert [task.question_id for task in choose_tasks(())] == list(load_tasks())
    with pytest.raises(UsageError, match="No task is called 'x'"):
        choose_tasks(("x",))
    with pytest.raises(UsageError, match="Several tasks begin with 'ts'"):
        choose_tasks(("ts",))
