"""The twenty tasks that come with the package."""

import json
from functools import cache
from importlib.resources import files

from nanoresearch.errors import UsageError
from nanoresearch.schema.benchmark import Task
from nanoresearch.schema.profile import Compute, Profile, StatisticsHabits, WritingStyle


@cache
def load_tasks() -> dict[str, Task]:
    """All tasks by their names, in the order of the file."""
    text = files(__package__).joinpath("tasks.json").read_text(encoding="utf-8")
    tasks = [Task.model_validate(item) for item in json.loads(text)]
    return {task.question_id: task for task in tasks}


def choose_tasks(names: tuple[str, ...]) -> list[Task]:
    """Tasks by name or unique beginning, all when none is named. Raises UsageError listing what there is."""
    tasks = load_tasks()
    chosen = []
    for name in names or tuple(tasks):
        matches = [task for task in tasks.values() if task.question_id.startswith(name)]
        exact = [task for task in matches if task.question_id == name] or matches
        if len(exact) != 1:
            problem = "Several tasks begin with" if exact else "No task is called"
            raise UsageError(f"{problem} {name!r}. Known: {', '.join(tasks)}.")
        chosen += exact
    return list({task.question_id: task for task in chosen}.values())


def profile_of(task: Task, *, held_out: bool = False) -> Profile:
    """The researcher's profile: what of the requirements a user would write there, and nothing that is implicit.

    The minutes are those of the task's own experiment, and no limit for its held-out topic.
    """
    standing = task.extra_context.standing
    habits = {"seeds": standing.seeds, "test": standing.test}
    return Profile(
        name=task.question_id,
        taboos=standing.taboos,
        compute=Compute(minutes=standing.minutes) if standing.minutes and not held_out else Compute(),
        statistics=StatisticsHabits(**{key: value for key, value in habits.items() if value is not None}),
        writing=WritingStyle(format=standing.format) if standing.format else WritingStyle(),
    )
