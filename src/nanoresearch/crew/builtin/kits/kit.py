"""What a kit is: everything the builtin crew must know to run one family of component studies.

A kit holds facts and program text, never results. Its folder has kit.py (KIT, data only) and code/ with data.py,
models.py and evaluate.py: real Python from which the coder takes the parts that a blueprint needs.
"""

from dataclasses import dataclass, field
from typing import Literal

from nanoresearch.schema.blueprint import ComponentSpec, MethodSpec, MetricSpec, Protocol, Sweep
from nanoresearch.schema.profile import Domain

Promise = Literal["gain", "robustness", "efficiency", "calibration"]


@dataclass(frozen=True)
class Component:
    """Something that the study can add to the baseline."""

    spec: ComponentSpec
    keywords: tuple[str, ...]
    """Words or phrases of a topic that ask for it; matched by stem."""
    why: str
    """Clause after "because": why it may help."""
    detail: str
    """LaTeX-safe sentences for the method section: exactly what the code does, with its settings."""
    promises: tuple[Promise, ...] = ("gain",)
    """What it is expected to bring."""
    datasets: tuple[str, ...] | None = None
    """Data sets it applies to; None for all of the kit."""
    needs_sweep: str | None = None
    """Sweep without which it does nothing, such as a label budget for learning from unlabelled data."""
    only_if_asked: bool = False
    """Whether topic or plan must ask for it, because it replaces the baseline more than it adds to it."""
    conflicts: tuple[str, ...] = ()
    """Components that must not be studied together with it, because one replaces the other."""


@dataclass(frozen=True)
class DatasetOption:
    """A data set that the kit can load."""

    id: str
    """Card id in the data catalogue."""
    seconds: float
    """Seconds that one method takes on it for one seed and one condition, everything included, on one slow core."""
    default: bool = True
    """Whether it is taken when the topic names none."""
    keywords: tuple[str, ...] = ()
    """Words of a topic that point to it beyond the card's name and aliases."""
    needs: tuple[str, ...] = ()
    """Further cards that it cannot be loaded without."""


@dataclass(frozen=True)
class Metric:
    """A way to judge predictions."""

    spec: MetricSpec
    keywords: tuple[str, ...] = ()
    """Words of a topic that make it the primary one."""


@dataclass(frozen=True)
class SweepOption:
    """A condition that can be varied."""

    spec: Sweep
    keywords: tuple[str, ...] = ()
    """Words of a topic that ask for it."""
    default: bool = False
    """Whether it is taken when the topic asks for none."""
    datasets: tuple[str, ...] | None = None
    """Data sets it applies to; None for all of the kit."""


@dataclass(frozen=True)
class ProtocolOption:
    """A way to divide the data."""

    spec: Protocol
    keywords: tuple[str, ...] = ()
    """Words of a topic that ask for it."""


@dataclass(frozen=True)
class Fix:
    """A known trouble in the data, and the function of codebase/fixes.py that cures it."""

    id: str
    """Entry of FIXES in codebase/fixes.py, or in a code/fixes.py of the kit; its value is the function of that name."""
    pattern: str
    """Regular expression searched in the last lines of the error, type and message."""
    reason: str
    """LaTeX-safe sentence: what was wrong and what is done about it."""
    file: str = "models.py"
    """File of the program that is changed."""
    registry: str = "PREPARATION"
    """Module-level list of that file which the function is added to."""


@dataclass(frozen=True)
class Exposure:
    """Why the truth of some data cannot be kept from the experiment; all of what is named must be in the study."""

    why: str
    """Clause without digits, for a reader."""
    datasets: tuple[str, ...] | None = None
    """Data sets that it holds for, each by itself; None for all of the kit."""
    together: tuple[str, ...] = ()
    """Data sets that betray each other when all of them are in the study."""
    sweep: str | None = None
    """Sweep that it holds with."""
    component: str | None = None
    """Component that it holds with."""


@dataclass(frozen=True)
class Kit:
    """One family of component studies."""

    id: str
    """Folder name."""
    domain: Domain
    """Field."""
    name: str
    """Name in prose, such as "classification of tabular data"."""
    subjects: tuple[str, ...]
    """Words for the kind of data; a topic must have one, or name a data set."""
    tasks: tuple[str, ...]
    """Words for the task or its techniques; a topic must have one, or name a component."""
    datasets: tuple[DatasetOption, ...]
    """Data sets, preferred first."""
    reference: MethodSpec
    """Trivial method that learns nothing from the inputs."""
    baseline: MethodSpec
    """What components are added to; its id is "baseline"."""
    alternatives: tuple[MethodSpec, ...]
    """Established other methods, preferred first."""
    components: tuple[Component, ...]
    """At least three, preferred first."""
    metrics: tuple[Metric, ...]
    """Default primary first."""
    protocols: tuple[ProtocolOption, ...]
    """Default first."""
    setting: str
    """LaTeX-safe sentences for the set-up section: data preparation, baseline settings, what a seed changes."""
    question: str
    """The general question of the family, ending with a question mark."""
    citations: tuple[str, ...]
    """Works that every study of this kit stands on: baseline, protocol, software."""
    queries: tuple[str, ...]
    """Search words for the survey."""
    requires: tuple[str, ...]
    """Packages that the code imports, as requirement names."""
    fixes: tuple[Fix, ...] = ()
    """Troubles that the debug loop can cure, in the order in which they should be tried."""
    sweeps: tuple[SweepOption, ...] = ()
    """Conditions that can be varied."""
    cautions: tuple[str, ...] = ()
    """Limits of every study of this kit, in words."""
    predictions: str = "labels"
    """Form of what models.py predicts: an entry of FORMATS in judging/formats.py."""
    withheld: tuple[str, ...] = ()
    """Fields of the training part that hold truth which no method may see."""
    exposures: tuple[Exposure, ...] = ()
    """What keeps results from being scored from outside."""
    sliced: bool = False
    """Whether evaluate.py has slices() for the primary metric."""
    out_of_reach: tuple[str, ...] = field(default=())
    """Words of topics in this domain that this kit must not take, such as "segmentation"."""
