"""The end of a stage: what it taught goes into the store of skills and memories."""

from nanoresearch.crew.roles import Trajectory
from nanoresearch.schema.experience import Lessons
from nanoresearch.stages.workplace import Workplace


def reflect(work: Workplace, trajectory: Trajectory) -> None:
    """Draw the lessons of a stage once, keep them in the run, and let the store absorb them once."""
    if work.store is None:
        return
    stage = trajectory.stage
    lessons = work.once(f"experience/{stage}.json", Lessons, lambda: work.crew.reflector.reflect(trajectory))
    work.absorb(stage, lessons)


def reflect_on_failure(work: Workplace, trajectory: Trajectory) -> None:
    """Remember an experiment that was given up, once for each failure.

    Only memories: its cures are judged when a resumed run succeeds.
    """
    if work.store is None or not any(attempt.failure for attempt in trajectory.attempts):
        return  # without git, say, there is no failure of the experiment to learn from
    lessons = work.crew.reflector.reflect(trajectory)
    work.absorb(f"{trajectory.stage}-failed-{len(trajectory.attempts)}", Lessons(memories=lessons.memories))
