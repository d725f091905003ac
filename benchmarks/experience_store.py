"""What the store of skills and memories holds up to: time of retrieval, growth, and the threshold of merging.

    python benchmarks/experience_store.py [--entries 100000] [--queries 300] [--runs 200] [--only time growth merging]

Prints Markdown. Words follow Zipf's law over a vocabulary of 30,000; entries have 20 to 60 words and 1 to 4 of
200 tags. Half of the entries are skills (half of these answer a trouble with a remedy), half are memories of four
users. CPU time is given beside wall time, which other work on the machine disturbs.
"""

import argparse
import math
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import accumulate
from pathlib import Path

from nanoresearch.config import RetrievalWeights
from nanoresearch.experience.merge import SIMILAR, SIMILAR_SAME_TRIGGER, similarity
from nanoresearch.experience.retrieve import retrieve_memories, retrieve_skills
from nanoresearch.experience.store import ExperienceStore
from nanoresearch.schema.experience import Lessons, Memory, Remedy, Situation, Skill, SkillKind

KINDS: tuple[SkillKind, ...] = ("ideation", "planning", "coding", "debugging", "writing")
SYLLABLES = [
    "ba",
    "ce",
    "di",
    "fo",
    "gu",
    "ha",
    "je",
    "ki",
    "lo",
    "mu",
    "na",
    "pe",
    "qui",
    "ro",
    "su",
    "ta",
    "ve",
    "wi",
    "xo",
    "zu",
    "bra",
    "cle",
    "dri",
]
LETTERS = "abcdefghijklmnopqrstuvwxyz"


class Language:
    """Texts whose words follow Zipf's law."""

    def __init__(self, seed: int, size: int = 30_000) -> None:
        self.random = random.Random(seed)
        self._words = ["".join(self.random.choices(SYLLABLES, k=3)) + self._tail(i) for i in range(size)]
        self._sums = list(accumulate(1 / (rank + 2) for rank in range(size)))
        self._tags = [f"tag {i}" for i in range(200)]
        self._tag_sums = list(accumulate(1 / (rank + 1) for rank in range(200)))

    def text(self, least: int = 20, most: int = 60) -> str:
        """Words, with repetition."""
        return " ".join(self.random.choices(self._words, cum_weights=self._sums, k=self.random.randint(least, most)))

    def tags(self) -> tuple[str, ...]:
        """One to four tags."""
        chosen = self.random.choices(self._tags, cum_weights=self._tag_sums, k=self.random.randint(1, 4))
        return tuple(dict.fromkeys(chosen))

    def _tail(self, number: int) -> str:
        return LETTERS[number // 676 % 26] + LETTERS[number // 26 % 26] + LETTERS[number % 26]


def main() -> None:
    """Run the parts that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--only", choices=["time", "growth", "merging"], nargs="+")
    args = parser.parse_args()
    parts = args.only or ["time", "growth", "merging"]
    with tempfile.TemporaryDirectory() as folder:
        if "time" in parts:
            measure_time(Path(folder) / "time.db", args.entries, args.queries)
        if "growth" in parts:
            measure_growth(Path(folder) / "growth.db", args.runs)
        if "merging" in parts:
            measure_merging()


def measure_time(path: Path, entries: int, queries: int) -> None:
    """Milliseconds of retrieval and of writing in a full store."""
    language = Language(0)
    with ExperienceStore(path) as store:
        start = time.perf_counter()
        for first in range(0, entries, 5000):
            with store.database.write():
                for number in range(first, min(first + 5000, entries)):
                    store._insert(entry(language, number))  # unmerged: no two of them are alike
        filling = time.perf_counter() - start
    with ExperienceStore(path) as store:
        names = ("skills", "skills, error text", "memories", "one skill written")
        spent: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
        for number in range(queries):
            asked = situation(language, number)
            written = skill_entry(language, 4 * (entries + number) + 2)
            failed = asked.model_copy(update={"kind": "debugging", "text": f"{asked.text} {trigger(number)}"})
            options = {"limit": 5, "weights": WEIGHTS, "half_life_days": 60}
            actions: tuple[Callable[[], object], ...] = (
                partial(retrieve_skills, store, asked, **options),
                partial(retrieve_skills, store, failed, **options),
                partial(retrieve_memories, store, asked, **options),
                partial(store.put_skill, written),
            )
            for name, action in zip(names, actions, strict=True):
                begun = time.perf_counter(), time.process_time()
                action()
                ended = time.perf_counter(), time.process_time()
                spent[name].append((1000 * (ended[0] - begun[0]), 1000 * (ended[1] - begun[1])))
    size = path.stat().st_size / 2**20
    print(f"\n### {entries:,} entries, {queries} situations ({size:.0f} MiB, filled in {filling:.0f} s)\n")
    print("| what | median ms | p95 ms | median CPU ms | p95 CPU ms |\n|---|---|---|---|---|")
    for name, pairs in spent.items():
        cells = []
        for times in zip(*pairs, strict=True):
            cells += [f"{statistics.median(times):.1f}", f"{sorted(times)[int(0.95 * len(times))]:.1f}"]
        print(f"| {name} | {' | '.join(cells)} |")


WEIGHTS = RetrievalWeights()


def entry(language: Language, number: int) -> Skill | Memory:
    """By turns a skill with trigger and remedy, a memory, a skill in words alone, a memory; up to a year old."""
    chance = language.random
    if number % 2 == 0:
        return skill_entry(language, number)
    conditions = {"dataset": (f"set {chance.randrange(40)}",), "component": (f"part {number}",)}
    return Memory(
        id=f"memory-{number}", kind="hypothesis", profile=f"user {chance.randrange(4)}", project="p", run="r",
        text=language.text(), conditions=conditions, outcome="supported", tags=language.tags(), updated=day(chance),
    )  # fmt: skip


def skill_entry(language: Language, number: int) -> Skill:
    """A skill, with trigger and remedy where the number is divisible by four."""
    chance = language.random
    remedied = number % 4 == 0
    return Skill(
        id=f"skill-{number}", kind=KINDS[chance.randrange(5)], when=language.text(5, 15), what=language.text(),
        tags=language.tags(), uses=chance.randrange(6), trigger=trigger(number // 40) if remedied else "",
        remedy=Remedy(crew="builtin", action="fix", target=str(number % 40)) if remedied else None, updated=day(chance),
    )  # fmt: skip


def day(chance: random.Random) -> str:
    """Some day of the last year."""
    return (datetime.now(UTC) - timedelta(days=chance.randrange(365))).isoformat()


def trigger(number: int) -> str:
    """The signature of one error among many that begin alike."""
    return f"ValueError: could not convert column {'abcdefghij'[number % 10]}{number} of {number % 97} to float"


def situation(language: Language, number: int) -> Situation:
    """A moment with a text like those of the entries."""
    return Situation(
        kind=KINDS[number % 5], profile=f"user {number % 4}", project="p", text=language.text(10, 60),
        tags=language.tags(), conditions={"dataset": (f"set {number % 40}",)},
    )  # fmt: skip


ERRORS = {
    "KeyError: <column>": (
        "A column that the plan names is not in the table",
        "Map the names of columns to those of the file",
    ),
    "ValueError: could not convert string to float": (
        "Labels are text",
        "Encode the labels as integers before fitting",
    ),
    "MemoryError: cannot allocate <size>": (
        "The kernel matrix is too large",
        "Subsample the rows before the kernel is built",
    ),
    "ConvergenceWarning: lbfgs failed to converge": (
        "The solver stops early",
        "Scale the features and allow more iterations",
    ),
    "TimeoutExpired: <command> after <n> seconds": (
        "The experiment exceeds its time",
        "Halve the number of folds and estimators",
    ),
    "ImportError: cannot import name <name>": (
        "A library lacks a name",
        "Call the function that the installed version offers",
    ),
}
TURNS = ("{when}: {what}, as in {path}.", "{what} whenever {when} ({n} times).", "{what}. This is for when {when}.")


def measure_growth(path: Path, runs: int) -> None:
    """Entries after runs in which the same six errors come back in other words, numbers and paths."""
    chance = random.Random(0)
    marks = {2**power for power in range(3, 20)} | {runs}
    print(f"\n### Growth over {runs} runs with six recurring errors\n")
    print("| runs | distilled skills | skills with a remedy | skills in words | log2(runs) |\n|---|---|---|---|---|")
    with ExperienceStore(path) as store:
        told = 0
        for run in range(1, runs + 1):
            skills = tuple(
                recurring(chance, cause, remedied)
                for cause in chance.sample(list(ERRORS), k=3)
                for remedied in (True, False)
            )
            told += len(skills)
            store.absorb(Lessons(skills=skills), run=f"run-{run}", stage="coding", project=f"p{run % 7}")
            if run in marks:
                held = store.skills()
                remedied = sum(skill.remedy is not None for skill in held)
                print(f"| {run} | {told} | {remedied} | {len(held) - remedied} | {math.log2(run):.1f} |")


def recurring(chance: random.Random, cause: str, remedied: bool) -> Skill:
    """One error again: other numbers, other paths, another order of words."""
    when, what = ERRORS[cause]
    n = chance.randrange(1, 10_000)
    words = chance.choice(TURNS).format(when=when, what=what, path=f"work/{n}/model_{n % 7}.py", n=n)
    remedy = Remedy(crew="builtin", action="fix", target=cause.split(":")[0].lower())
    return Skill(
        id=f"lesson-{n}", kind="debugging", when=when, what=words, trigger=cause, remedy=remedy if remedied else None
    )


SAME = [
    (
        "Scale the features before fitting a support vector machine",
        "Before a support vector machine is fitted, scale features",
    ),
    (
        "When classes are unbalanced, report the macro F1 score",
        "Report macro F1 scores when the classes are unbalanced",
    ),
    ("Fix the random seed of every library", "Every library's random seed should be fixed"),
    ("Use stratified folds when a class has few samples", "When a class has only few samples use stratified folds"),
    ("Encode text labels as integers before fitting", "Before fitting, encode the text labels as integers"),
    ("Cache the downloaded data set in the data folder", "Downloaded data sets are cached in the folder for data"),
    (
        "Give confidence intervals by bootstrap over test samples",
        "Confidence intervals by bootstrap over the samples of the test set",
    ),
    ("State the hypothesis before any result is seen", "The hypothesis is stated before a result has been seen"),
    ("Subsample the rows when the kernel matrix does not fit", "When a kernel matrix does not fit, subsample its rows"),
    ("Compare with a linear baseline on the same folds", "On the same folds, compare to a linear baseline"),
    ("Write the limits of the study into the discussion", "The study's limits are written in the discussion"),
    ("Tune on validation folds and touch the test set once", "Touch the test set once; tune on the validation folds"),
    ("Log the wall time of each method", "The wall time of each of the methods is logged"),
    ("Replace missing values by the median of the column", "Missing values are replaced by the column's median"),
    ("Ablate each component of the method alone", "Each component of a method is ablated alone"),
    ("Catch a missing column with a clear message", "A clear message catches missing columns"),
]
OTHER = [
    ("Scale features before a support vector machine", "Select features before a support vector machine"),
    ("When classes are unbalanced, report the macro F1 score", "When classes are unbalanced, weight the loss by class"),
    ("Fix the random seed of every library", "Do not fix the random seed of every library"),
    ("Use stratified folds when a class has few samples", "Use grouped folds when a patient has several samples"),
    ("Encode text labels as integers before fitting", "Encode text with subword tokens before fitting"),
    ("Cache the downloaded data set in the data folder", "Check the digest of the downloaded data set"),
    ("Give confidence intervals by bootstrap over test samples", "Give confidence intervals by a t test over seeds"),
    ("State the hypothesis before any result is seen", "State the hypothesis in the abstract of the paper"),
    ("Subsample the rows when the kernel matrix does not fit", "Use a linear kernel when the matrix does not fit"),
    ("Compare with a linear baseline on the same folds", "Compare with a tree baseline on the same folds"),
    ("Increase the learning rate when the loss is flat", "Lower the learning rate when the loss is flat"),
    ("Tune on validation folds and touch the test set once", "Use nested cross validation for tuning"),
    ("Log the wall time of each method", "Log the peak memory of each method"),
    ("Replace missing values by the median of the column", "Drop rows with missing values in the column"),
    ("Ablate each component of the method alone", "Compare each method on each data set alone"),
    ("Report accuracy", "Report accuracy with confidence intervals by bootstrap over test samples and runs"),
]  # fmt: skip


def measure_merging() -> None:
    """How well similarity tells a rule in other words from another rule that reads alike."""
    same, other = ([similarity(*pair) for pair in pairs] for pairs in (SAME, OTHER))
    print("\n### Merging by wording\n")
    print(f"{len(SAME)} pairs say the same, {len(OTHER)} pairs read alike and do not. In use: {SIMILAR:g}, and ")
    print(f"{SIMILAR_SAME_TRIGGER:g} where both answer the same trouble.\n")
    print("| least similarity | same, merged | other, merged |\n|---|---|---|")
    for least in range(50, 100, 5):
        print(f"| {least} | {sum(s >= least for s in same)} | {sum(s >= least for s in other)} |")


if __name__ == "__main__":
    main()
