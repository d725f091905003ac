"""The builtin reflector: where a study stands, and what a stage of a run taught."""

from nanoresearch.crew.builtin.kits import load_kits
from nanoresearch.crew.builtin.reading import read_topic
from nanoresearch.crew.builtin.reflect import crediting, cures, drafts, outcomes
from nanoresearch.crew.builtin.sizing import hardware_cores
from nanoresearch.crew.roles import Trajectory
from nanoresearch.schema.blueprint import Blueprint
from nanoresearch.schema.experience import Conditions, Credit, Lessons
from nanoresearch.schema.idea import Hypothesis
from nanoresearch.schema.profile import Profile


class BuiltinReflector:
    """Reads lessons off the records of a run; the same records teach the same."""

    def situate(
        self, topic: str, profile: Profile, hypothesis: Hypothesis | None, blueprint: Blueprint | None
    ) -> tuple[tuple[str, ...], Conditions]:
        """Tags and known conditions. Raises TopicRefused when no kit serves the topic."""
        reading = read_topic(topic, profile)
        kit = reading.kit
        chosen = set(hypothesis.components if hypothesis else reading.asked)
        if blueprint:
            chosen = {item.id for item in blueprint.components}
        parts = [item.spec for item in kit.components if item.spec.id in chosen]
        tags = [kit.id, kit.domain, *kit.subjects, kit.baseline.name, *(item.id for item in parts)]
        tags += [tag for item in parts for tag in item.tags]
        conditions: Conditions = {"study": (kit.id,), "domain": (kit.domain,)}
        if reading.named_data:
            conditions["dataset"] = reading.named_data
        if hypothesis:
            conditions["component"] = hypothesis.components
            memory = f"memory_gb:{profile.compute.memory_gb:g}"
            conditions["hardware"] = (hardware_cores(profile.compute.cores), memory)
        if blueprint:
            conditions |= outcomes.tested_under(blueprint) | {"test": (blueprint.test,)}
        return tuple(dict.fromkeys(tags)), conditions

    def reflect(self, trajectory: Trajectory) -> Lessons:
        """What the stage that has just ended taught; nothing when there is no blueprint yet."""
        blueprint = trajectory.blueprint
        if blueprint is None:
            return Lessons()
        match trajectory.stage:
            case "ideation_and_planning":
                return _from_planning(trajectory, blueprint)
            case "experiments":
                return _from_experiments(trajectory, blueprint)
            case "writing":
                kit = load_kits()[blueprint.study]
                return Lessons(
                    skills=tuple(drafts.writing_lessons(trajectory, kit)),
                    credits=tuple(crediting.writing_credits(trajectory)),
                )


def _from_planning(past: Trajectory, blueprint: Blueprint) -> Lessons:
    kit = load_kits()[blueprint.study]
    return Lessons(
        skills=tuple(drafts.planning_lessons(past, blueprint, kit)),
        memories=tuple(drafts.decision_memories(past, blueprint)),
        credits=tuple(crediting.planning_credits(past, blueprint)),
    )


def _from_experiments(past: Trajectory, blueprint: Blueprint) -> Lessons:
    kit = load_kits()[blueprint.study]
    skills = list(cures.learned_cures(past, blueprint, kit))
    memories = [
        outcomes.configuration_memory(past, blueprint),
        *outcomes.resource_memories(past, blueprint, kit),
    ]
    earned: list[Credit] = list(crediting.cure_credits(past, blueprint, kit))
    if past.analysis:
        skills += outcomes.liked_components(blueprint, past.analysis, kit)
        reading = read_topic(past.topic, past.profile)
        asked = reading.sweep.spec.id if reading.sweep and reading.sweep_asked else ""
        memories.insert(0, outcomes.hypothesis_memory(past, blueprint, past.analysis, asked))
        earned += crediting.preference_credits(past, blueprint, past.analysis)
    unique = {item.id: item for item in skills}
    return Lessons(skills=tuple(unique.values()), memories=tuple(memories), credits=tuple(earned))
