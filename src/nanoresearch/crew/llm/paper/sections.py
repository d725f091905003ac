"""The sections that a model writes: what each is for, what it is given, how long it is."""

from dataclasses import dataclass
from typing import Literal

Part = Literal["works", "numbers", "deciding numbers", "evidence", "earlier"]


@dataclass(frozen=True)
class Task:
    """What is asked for one section."""

    asks: str
    """What belongs in it."""
    words: tuple[int, int]
    """Length, for a full paper."""
    given: tuple[Part, ...] = ()
    """Material beyond the study itself."""


BRIEF = 0.6
"""Length of a section in a brief paper, as a share of that in a full one."""

TASKS: dict[str, Task] = {
    "introduction": Task(
        "Say what the question is and why it matters, what earlier work leaves open, what this study does about it, "
        "and "
        "what it contributes. Give no results. If the study leaves parts of the topic unanswered, do not pretend "
        "otherwise.",
        (300, 480),
        ("works",),
    ),
    "related_work": Task(
        "Group the works that bear on the study by what they are about, and say for each group how this study differs. "
        "Cite at least eight works where the list has as many. Leave out works that do not bear on it. Scores that "
        "others report may be quoted with their citation and are not compared with ours.",
        (280, 480),
        ("works", "evidence"),
    ),
    "method": Task(
        "Define the baseline, every component, the proposal, and each other method that is run, precisely enough to be "
        "programmed again. Use formulas where they say more than words. Give a setting only if the study names it. "
        "Explain why each component might help, as a conjecture. No data, no statistics, no results.",
        (300, 560),
    ),
    "results": Task(
        "Begin with the answer: the verdict and every comparison that decides, each with its difference, interval and "
        "corrected p-value. Then what explains it: components alone and taken away, alternatives, the varied "
        "condition, "
        "other metrics, as far as the findings have them. Refer to the tables and figures. Report what went against "
        "the "
        "hypothesis as fully as what went for it. Do not interpret.",
        (350, 650),
        ("numbers",),
    ),
    "discussion": Task(
        "Say what the findings mean for the question, what they do not mean, which explanations fit and remain "
        "untested, "
        "and what a practitioner should take from them. Use the analyst's remarks on the findings.",
        (250, 450),
        ("numbers", "earlier"),
    ),
    "limitations": Task(
        "Name what a careful reader should hold against this study: its data, baseline, size, metrics, and what was "
        "not "
        "tried. Be concrete. Do not repeat general truths about machine learning.",
        (100, 220),
        ("deciding numbers", "earlier"),
    ),
    "error_analysis": Task(
        "Describe where the proposal gains and loses: data sets, groups, settings, seeds, as far as the findings and "
        "numbers have them. Do not guess at causes.",
        (150, 300),
        ("numbers",),
    ),
    "broader_impact": Task(
        "Who could be helped or harmed by this result or by misreading it, without exaggeration.", (80, 160)
    ),
    "next_steps": Task(
        "The experiments that this one makes worth doing, most urgent first, as a list; each with the question that it "
        "would settle.",
        (80, 180),
        ("earlier",),
    ),
    "plain_summary": Task(
        "Tell a reader without training what was asked, what was done and what came out, without technical terms.",
        (80, 160),
        ("earlier",),
    ),
    "conclusion": Task(
        "The question, the verdict in the agreed words, the decisive result and what follows, with nothing new.",
        (80, 160),
        ("deciding numbers", "earlier"),
    ),
    "abstract": Task(
        "One paragraph: the question, what was done, the verdict in the agreed words with the decisive differences, "
        "and "
        "how far it reaches. No citations, no references to tables or sections.",
        (120, 200),
        ("deciding numbers", "earlier"),
    ),
}
"""By section id, in the order of writing: the abstract last."""


def length(task: Task, *, brief: bool) -> str:
    """The length asked for, in words."""
    share = BRIEF if brief and task is not TASKS["abstract"] else 1.0
    low, high = (int(share * words / 10) * 10 for words in task.words)
    return f"{low} to {high} words"
