"""Does feedback reach plans on topics never discussed? Measures the planner that learns, and prints Markdown.

    python benchmarks/planner_learning.py MODELS_FOLDER [teachers] [rounds] [contradiction] [rivals] [--samples 16]

teachers: the teacher against the base for held-out feedback (cheap). rounds: five rounds of different feedback for
one user, with retention.
contradiction: five seeds, then one is enough. rivals: the divergences and teachers, one round each.
The feedback below was written before any of it was tried. Afterwards the readout's sentences and two of its constants
were revised once, so read the teachers' table as optimistic by that much.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from nanoresearch.planner.base_model import load_base
from nanoresearch.planner.planner import PlannerInput
from nanoresearch.planner.trainable import TrainablePlanner
from nanoresearch.schema.learning import LearningSettings
from nanoresearch.schema.plan import Phase
from nanoresearch.schema.profile import Profile

TRAINING = (
    "How much do shifted copies and elastic distortion add to a support vector machine on handwritten digits?",
    "Does recalibration help random forests on small clinical tables?",
)
HELD_OUT = "How short can an audio clip be before two languages are no longer separable?"
# phase, words, wanted, unwanted
FEEDBACK: tuple[tuple[Phase, str, tuple[str, ...], tuple[str, ...]], ...] = (
    (
        "planning",
        "Tell me how many parameters there are and what the latency is, and stop using rank tests.",
        ("report_size_and_latency",),
        ("rank_tests",),
    ),
    (
        "planning",
        "I would like to see memory use and the errors for each class.",
        ("report_memory", "break_down_by_class"),
        (),
    ),
    ("planning", "Please leave Bonferroni corrections out.", (), ("bonferroni",)),
    ("coding", "Leave the unit tests out next time.", (), ("unit_tests",)),
    ("coding", "I want a Makefile and a container recipe with the code.", ("makefile", "container"), ()),
    ("coding", "There is too much logging of times for my taste.", (), ("log_times",)),
    (
        "writing",
        "No broader impact statement, please; add an ethics statement instead.",
        ("ethics",),
        ("broader_impact",),
    ),
    ("writing", "The notation confused me. Explain abbreviations.", ("notation_table",), ()),
    ("ideation", "I do not care for ensembles.", ("avoid_ensembles",), ("prefer_ensembles",)),
    ("ideation", "Start with the features and save computation.", ("prefer_features", "seek_efficiency"), ()),
)
ROUNDS = (
    FEEDBACK[1],
    FEEDBACK[6],
    ("planning", "I want every study on as many data sets as possible.", ("more_data_sets",), ()),
    FEEDBACK[2],
    FEEDBACK[4],
)


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
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--settings", default="{}", help="JSON of LearningSettings")
    args = parser.parse_args()
    settings = LearningSettings.model_validate_json(args.settings)
    base = load_base(args.model, args.models)

    def fresh() -> TrainablePlanner:
        folder = Path(tempfile.mkdtemp(prefix="planner-"))
        readout = args.models / "attitude.safetensors"
        return TrainablePlanner(base, folder, settings, readout=readout, progress=lambda m: print(m, file=sys.stderr))

    for part in args.parts:
        print(f"\n### {part}\n", flush=True)
        {"teachers": teachers, "rounds": rounds, "contradiction": contradiction, "rivals": single}[part](
            fresh(), args.samples
        )


def teachers(planner: TrainablePlanner, n: int) -> None:
    """Base and teacher for every held-out feedback."""
    say("feedback", "directive", "asked", "base", "teacher")
    say(*["---"] * 5)
    for phase, words, wanted, unwanted in FEEDBACK:
        base = planner.inclusion(held_out(phase), n, adapter=False)
        teacher = planner.teacher_inclusion(held_out(phase), words, n)
        for name in (*wanted, *unwanted):
            say(words, name, "more" if name in wanted else "less", base[name], teacher[name])


def single(planner: TrainablePlanner, n: int) -> None:
    """One round."""
    sequence(planner, (FEEDBACK[0],), n)


def rounds(planner: TrainablePlanner, n: int) -> None:
    """Five rounds for one user."""
    sequence(planner, ROUNDS, n)


def contradiction(planner: TrainablePlanner, n: int) -> None:
    """Two rounds, the second against the first."""
    first = ("planning", "Always use five seeds.", ("five_seeds",), ())
    second = ("planning", "One seed is enough for me from now on.", (), ("five_seeds",))
    sequence(planner, (first, second), n)  # type: ignore[arg-type]


def sequence(planner: TrainablePlanner, texts, n: int) -> None:  # type: ignore[no-untyped-def]
    """Rounds one after another; everything named so far is measured after each."""
    say("round", "feedback", "accepted", "drift", "entropy", "wall s", "CPU s", "directives: base > teacher > now")
    say(*["---"] * 8)
    named: dict[Phase, dict[str, float]] = {}
    bases: dict[Phase, dict[str, float]] = {}
    for number, (phase, words, wanted, unwanted) in enumerate(texts, start=1):
        target = held_out(phase)
        if phase not in bases:
            bases[phase] = planner.inclusion(target, n, adapter=False)
        teacher = planner.teacher_inclusion(target, words, n)
        named.setdefault(phase, {}).update({name: teacher[name] for name in (*wanted, *unwanted)})
        record = planner.learn([(request, None) for request in requests(phase)], words)
        now = {p: planner.inclusion(held_out(p), n) for p in named}
        moved = [f"{d}: {bases[p][d]:.2f} > {t:.2f} > {now[p][d]:.2f}" for p in named for d, t in named[p].items()]
        kept = f"{record.accepted} {record.reason}; superseded {record.superseded}; kept {record.kept}"
        say(number, words, kept, record.drift, record.entropy, record.seconds, record.cpu_seconds, "<br>".join(moved))


if __name__ == "__main__":
    main()
