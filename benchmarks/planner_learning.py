"""Does feedback reach plans on topics never discussed? Measures the planner that learns, and prints Markdown.

    python benchmarks/planner_learning.py MODELS_FOLDER [PART ...] [--set development] [--samples 16] [--settings JSON]

signs: what each feedback is read to ask for, without any plans (cheapest). teachers: the teacher against the base.
weights: the teacher with the feedback in its prompt, as evidence, and both. rounds: five rounds of different feedback
for one user, with retention, and a second user who must not move. effect: one round each on fresh profiles.
contradiction: five seeds, then one is enough. rivals: the divergences and the teacher's weights, one round each.

The feedback is in planner_feedback.toml: a development set and a held-out set, which no constant was tuned on.
"""

import argparse
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, get_args

from nanoresearch.planner.base_model import BaseModel, load_base
from nanoresearch.planner.planner import PlannerInput
from nanoresearch.planner.replay import MEANT_NATS
from nanoresearch.planner.threads import share_cores
from nanoresearch.planner.trainable import TrainablePlanner
from nanoresearch.schema.learning import Divergence, LearningSettings, TeacherWeights
from nanoresearch.schema.plan import Phase
from nanoresearch.schema.profile import Profile


class Feedback(NamedTuple):
    """What was said about a phase, and the directives that a reader would expect more or fewer of."""

    phase: Phase
    words: str
    wanted: Sequence[str] = ()
    unwanted: Sequence[str] = ()

    def signs(self) -> dict[str, int]:
        """1 for each directive wanted, -1 for each unwanted."""
        return dict.fromkeys(self.wanted, 1) | dict.fromkeys(self.unwanted, -1)


TRAINING = (
    "How much do shifted copies and elastic distortion add to a support vector machine on handwritten digits?",
    "Does recalibration help random forests on small clinical tables?",
)
HELD_OUT = "How short can an audio clip be before two languages are no longer separable?"
MOVED = 0.03
"""Change of inclusion below which a directive counts as not moved."""
ROUNDS = (
    Feedback(
        "planning",
        "I would like to see memory use and the errors for each class.",
        ("report_memory", "break_down_by_class"),
    ),
    Feedback(
        "writing",
        "No broader impact statement, please; add an ethics statement instead.",
        ("ethics",),
        ("broader_impact",),
    ),
    Feedback("planning", "I want every study on as many data sets as possible.", ("more_data_sets",)),
    Feedback("planning", "Please leave Bonferroni corrections out.", (), ("bonferroni",)),
    Feedback("coding", "I want a Makefile and a container recipe with the code.", ("makefile", "container")),
)
EFFECTS = (
    Feedback(
        "planning",
        "Always report the parameter count and the latency, and break the errors down by class. Drop the ablations.",
        ("report_size_and_latency", "break_down_by_class"),
        ("ablate_everything",),
    ),
    Feedback("coding", "Leave the unit tests out next time.", (), ("unit_tests",)),
    Feedback("writing", "Shorter paper, no equations.", ("be_brief", "no_equations")),
    Feedback("ideation", "Start with the features and save computation.", ("prefer_features", "seek_efficiency")),
)
CONTRADICTION = (
    Feedback("planning", "Always use five seeds.", ("five_seeds",)),
    Feedback("planning", "One seed is enough for me from now on.", (), ("five_seeds",)),
)
WEIGHTS = ((0.0, 1.0), (0.5, 0.0), (1.0, 0.0), (2.0, 0.0), (0.5, 1.0), (1.0, 1.0), (2.0, 1.0))
"""Weights of the feedback in the prompt and of its evidence."""

Fresh = Callable[[LearningSettings], TrainablePlanner]
"""Makes a user who has said nothing yet."""


def feedback_set(name: str) -> Iterator[Feedback]:
    """The labelled feedback of one set."""
    data = tomllib.loads(Path(__file__).with_name("planner_feedback.toml").read_text(encoding="utf-8"))
    return (Feedback(**item) for item in data[name])


def requests(phase: Phase) -> list[PlannerInput]:
    """What is learned from."""
    return [PlannerInput(phase, topic, Profile(), seed=i) for i, topic in enumerate(TRAINING)]


def held_out(phase: Phase) -> PlannerInput:
    """What is measured on."""
    return PlannerInput(phase, HELD_OUT, Profile(domain="audio"), seed=5)


def say(*cells: object) -> None:
    """Print a row."""
    print("| " + " | ".join(f"{c:.2f}" if isinstance(c, float) else str(c) for c in cells) + " |", flush=True)


def main() -> None:
    """Run the parts asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path)
    parser.add_argument("parts", nargs="*", default=["teachers", "rounds", "contradiction"])
    parser.add_argument("--model", default="smollm2-135m-instruct")
    parser.add_argument("--set", choices=("development", "held_out"), default="development")
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--settings", default="{}", help="JSON of LearningSettings")
    args = parser.parse_args()
    share_cores()
    settings = LearningSettings.model_validate_json(args.settings)
    base: BaseModel = load_base(args.model, args.models)

    def fresh(settings: LearningSettings) -> TrainablePlanner:
        folder = Path(tempfile.mkdtemp(prefix="planner-"))
        readout = args.models / "attitude.safetensors"
        return TrainablePlanner(base, folder, settings, readout=readout, progress=lambda m: print(m, file=sys.stderr))

    parts: dict[str, Callable[[], None]] = {
        "signs": lambda: signs(fresh(settings), args.set),
        "teachers": lambda: teachers(fresh(settings), args.set, args.samples),
        "weights": lambda: weights(fresh, settings, args.set, args.samples),
        "rounds": lambda: sequence(fresh, settings, ROUNDS, args.samples),
        "effect": lambda: effect(fresh, settings, args.samples),
        "contradiction": lambda: sequence(fresh, settings, CONTRADICTION, args.samples),
        "rivals": lambda: rivals(fresh, settings, args.samples),
    }
    for part in args.parts:
        print(f"\n### {part}\n", flush=True)
        parts[part]()


def signs(planner: TrainablePlanner, name: str) -> None:
    """What each feedback is read to say of the directives that it is labelled with."""
    say("feedback", "directive", "asked", "nats")
    say(*["---"] * 4)
    counts = {"right": 0, "wrong": 0, "nothing": 0}
    for feedback in feedback_set(name):
        bonus = planner.hear(held_out(feedback.phase), feedback.words).bonus
        for directive, sign in feedback.signs().items():
            nats = bonus[directive] * sign
            counts["right" if nats >= MEANT_NATS else "wrong" if nats <= -MEANT_NATS else "nothing"] += 1
            say(feedback.words, directive, "more" if sign > 0 else "less", bonus[directive])
    print(f"\n{counts}", flush=True)


def teachers(planner: TrainablePlanner, name: str, n: int) -> None:
    """Base and teacher for every feedback of a set."""
    say("feedback", "directive", "asked", "base", "teacher")
    say(*["---"] * 5)
    changes: list[tuple[int, float]] = []
    base: dict[Phase, dict[str, float]] = {}
    for feedback in feedback_set(name):
        target = held_out(feedback.phase)
        before = base.setdefault(feedback.phase, {}) or planner.inclusion(target, n, adapter=False)
        base[feedback.phase] = before
        teacher = planner.teacher_inclusion(target, feedback.words, n)
        for directive, sign in feedback.signs().items():
            asked = "more" if sign > 0 else "less"
            say(feedback.words, directive, asked, before[directive], teacher[directive])
            changes.append((sign, teacher[directive] - before[directive]))
    print("\n" + summary(changes), flush=True)


def summary(changes: Sequence[tuple[int, float]]) -> str:
    """Shares of pairs that moved the right way, the wrong way and not at all, and mean changes."""
    right = sum(sign * change > MOVED for sign, change in changes)
    wrong = sum(sign * change < -MOVED for sign, change in changes)
    ups = [change for sign, change in changes if sign > 0]
    downs = [change for sign, change in changes if sign < 0]
    return (
        f"{len(changes)} pairs: right {right / len(changes):.2f}, wrong {wrong / len(changes):.2f}, "
        f"not at all {1 - (right + wrong) / len(changes):.2f}; "
        f"mean change wanted {sum(ups) / len(ups):+.2f}, unwanted {sum(downs) / len(downs):+.2f}"
    )


def weights(fresh: Fresh, settings: LearningSettings, name: str, n: int) -> None:
    """The teacher's summary for each way of telling it the feedback."""
    for prompt, evidence in WEIGHTS:
        print(f"\nprompt_weight {prompt:g}, evidence_weight {evidence:g}\n", flush=True)
        changed = settings.model_copy(update={"prompt_weight": prompt, "evidence_weight": evidence})
        teachers(fresh(changed), name, n)


def effect(fresh: Fresh, settings: LearningSettings, n: int) -> None:
    """One round each, every time for a user who has said nothing yet."""
    for feedback in EFFECTS:
        sequence(fresh, settings, [feedback], n)


def rivals(fresh: Fresh, settings: LearningSettings, n: int) -> None:
    """One round on one feedback of two preferences for each divergence and each teacher."""
    for kind in get_args(Divergence):
        print(f"\n{kind}\n", flush=True)
        sequence(fresh, settings.model_copy(update={"divergence": kind}), ROUNDS[:1], n)
    for teacher in get_args(TeacherWeights):
        print(f"\nteacher {teacher}\n", flush=True)
        sequence(fresh, settings.model_copy(update={"teacher": teacher}), ROUNDS[:1], n)


def sequence(fresh: Fresh, settings: LearningSettings, texts: Sequence[Feedback], n: int) -> None:
    """Rounds one after another; everything named so far is measured after each, and a second user before and after."""
    planner, other = fresh(settings), fresh(settings)
    unmoved = other.inclusion(held_out(texts[0].phase), n)
    say("round", "feedback", "accepted", "drift", "entropy", "wall s", "CPU s", "directives: base > teacher > now")
    say(*["---"] * 8)
    named: dict[Phase, dict[str, float]] = {}
    bases: dict[Phase, dict[str, float]] = {}
    for number, feedback in enumerate(texts, start=1):
        phase, words = feedback.phase, feedback.words
        target = held_out(phase)
        if phase not in bases:
            bases[phase] = planner.inclusion(target, n, adapter=False)
        teacher = planner.teacher_inclusion(target, words, n)
        named.setdefault(phase, {}).update({name: teacher[name] for name in feedback.signs()})
        record = planner.learn([(request, None) for request in requests(phase)], words)
        now = {p: planner.inclusion(held_out(p), n) for p in named}
        moved = [f"{d}: {bases[p][d]:.2f} > {t:.2f} > {now[p][d]:.2f}" for p in named for d, t in named[p].items()]
        kept = f"{record.accepted} {record.reason}; superseded {record.superseded}; kept {record.kept}"
        say(number, words, kept, record.drift, record.entropy, record.seconds, record.cpu_seconds, "<br>".join(moved))
    same = other.inclusion(held_out(texts[0].phase), n) == unmoved
    print(f"\nA second user's plans {'did not change' if same else 'CHANGED'}.", flush=True)


if __name__ == "__main__":
    main()
