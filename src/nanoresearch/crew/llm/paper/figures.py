"""Further figures by generated code: drawn in a sandbox from recorded values and kept with their script."""

import hashlib
from collections.abc import Mapping, Sequence

from pydantic import BaseModel, Field
from pydantic_ai import Agent, ModelRetry, RunContext

from nanoresearch.crew.llm.desk import RULES, Desk, material
from nanoresearch.crew.llm.paper.dossier import study_told
from nanoresearch.crew.llm.paper.numbers import QuotableNumbers
from nanoresearch.crew.llm.paper.wording import Evidence
from nanoresearch.crew.llm.prompts import prompt
from nanoresearch.evidence.audit.literals import literals
from nanoresearch.models.prompts import lay_out
from nanoresearch.models.request import UselessReplies
from nanoresearch.paper.drawing import Drawing, DrawnValue
from nanoresearch.paper.escape import latex
from nanoresearch.paper.sketch import Sketch, run_sketch, script_faults
from nanoresearch.paper.template import format_of, layout_of
from nanoresearch.paths import write_atomic
from nanoresearch.schema.analysis import Analysis, Figure, Statistic
from nanoresearch.schema.blueprint import Blueprint
from nanoresearch.schema.profile import WritingStyle

DRAWINGS = "analysis/figures"
SKETCHES = "analysis/sketches"
MOST = 2
"""Further figures of a paper, over all rounds."""
ROUNDS = 3
"""How often figures are asked for until they can be drawn."""


class Draft(BaseModel):
    """A figure as the model gives it."""

    id: str = Field(pattern=r"^[a-z][a-z0-9-]{2,30}$", description="Lower-case words joined by hyphens.")
    caption: str = Field(description="One sentence, plain text, without numbers.", max_length=300)
    code: str = Field(description="Python that defines draw(figure, value).")


class Drafts(BaseModel):
    """None, one or two figures."""

    figures: list[Draft] = Field(max_length=MOST)


class Board:
    """What drafts are held against: the values there are, the names that may hold digits, the ids in use."""

    def __init__(self, evidence: Evidence, values: Mapping[str, float], taken: Sequence[str]) -> None:
        self.evidence = evidence
        self.values = values
        self.taken = tuple(taken)

    def faults(self, draft: Draft) -> list[str]:
        """Why a draft must not be run, or nothing."""
        found = script_faults(draft.code, self.values)
        if draft.id in self.taken:
            found.append(f"there is a figure {draft.id} already")
        if wrong := self.evidence.fault(draft.caption):
            found.append(f"caption: {wrong}")
        return found


_SKETCHER: Agent[Board, Drafts] = Agent(
    output_type=Drafts, instructions=RULES + prompt("figures"), deps_type=Board, retries=2, name="figures"
)


@_SKETCHER.output_validator
def _can_be_run(ctx: RunContext[Board], drafts: Drafts) -> Drafts:
    wrong = [f"- {draft.id}: {fault}" for draft in drafts.figures for fault in ctx.deps.faults(draft)]
    if wrong and not ctx.last_attempt:
        raise ModelRetry("These figures cannot be drawn so:\n" + "\n".join(wrong[:12]))
    return Drafts(figures=[draft for draft in drafts.figures if not ctx.deps.faults(draft)])


def further_figures(
    desk: Desk,
    blueprint: Blueprint,
    analysis: Analysis,
    numbers: QuotableNumbers,
    evidence: Evidence,
    style: WritingStyle,
) -> tuple[Figure, ...]:
    """Figures that a model wrote and the sandbox drew from recorded values; none where nothing isolates."""
    if desk.isolation is None or desk.isolation.kind == "none":
        return ()
    sources = numbers.statistics()
    values = {key: value for key, (value, _) in sources.items()}
    board = Board(evidence, values, [figure.id for figure in analysis.figures])
    width = layout_of(format_of(style)).figure_width(False)
    listed = material("values that can be drawn", numbers.shown(sources))
    have = material("figures that there are", "\n".join(f"{item.id}: {item.kind}" for item in analysis.figures))
    constant = "\n\n".join([study_told(blueprint, analysis), listed, have])
    said = "Which further figures, if any?"
    done: dict[str, Figure] = {}
    for _ in range(ROUNDS):
        try:
            drafts = desk.models.ask(
                "analyst", _SKETCHER, lay_out(constant=constant, changing=said), deps=board
            ).output.figures
        except UselessReplies as error:
            desk.events.emit("degraded", f"No further figures were drawn: {error}")
            break
        failed: dict[str, str] = {}
        for draft in drafts:
            if draft.id in done:
                continue
            if len(done) == MOST:
                desk.events.emit("progress", f"The figure {draft.id} is left out: there are {MOST} already.")
                continue
            sketch, pdf = _sketched(desk, draft.code, values, width)
            if trouble := sketch.error or _written(sketch, evidence):
                failed[draft.id] = trouble
                continue
            done[draft.id] = _kept(desk, draft, sketch, pdf, blueprint, sources)
        for name, trouble in failed.items():
            desk.events.emit("warning", f"The figure {name} is not printed as it was drawn: {trouble}")
        if not failed or len(done) == MOST:
            break
        told = "\n".join(f"{name}: {trouble}" for name, trouble in failed.items())
        said = f"{material('why figures of yours could not be drawn', told)}\n\nSend these figures again, mended."
    return tuple(done.values())


def _sketched(desk: Desk, code: str, values: Mapping[str, float], width: float) -> tuple[Sketch, bytes]:
    """What a script draws: run once, and read back when the run is resumed."""
    assert desk.isolation is not None
    asked = hashlib.sha256(f"{code}\n{sorted(values.items())}\n{width}".encode()).hexdigest()[:24]
    record, drawing = f"{SKETCHES}/{asked}.json", desk.folder.path(f"{SKETCHES}/{asked}.pdf")
    if desk.folder.has(record):
        sketch = desk.folder.load(record, Sketch)
        return sketch, drawing.read_bytes() if drawing.is_file() else b""
    sketch, pdf = run_sketch(code, values, width, desk.isolation)
    if pdf:
        write_atomic(drawing, pdf)
    desk.folder.save(record, sketch)
    return sketch, pdf


def _written(sketch: Sketch, evidence: Evidence) -> str:
    typed = [number for text in sketch.texts for number in literals(latex(text), evidence.names)]
    return f"its text has numbers that no record gives: {', '.join(typed[:5])}" if typed else ""


def _kept(
    desk: Desk, draft: Draft, sketch: Sketch, pdf: bytes, blueprint: Blueprint,
    sources: Mapping[str, tuple[float, Statistic]],
) -> Figure:  # fmt: skip
    """The figure with its script, drawing and values in the run."""
    code = draft.code.encode()
    figure = Figure(
        id=draft.id, kind="script", caption=latex(draft.caption), metric=blueprint.metrics[0].id,
        script_sha256=hashlib.sha256(code).hexdigest(),
    )  # fmt: skip
    drawn = tuple(DrawnValue(mark=key, value=sources[key][0], source=sources[key][1]) for key in sketch.taken)
    folder = desk.folder.path(DRAWINGS)
    write_atomic(folder / f"{figure.id}.py", code)
    write_atomic(folder / f"{figure.id}.pdf", pdf)
    write_atomic(folder / f"{figure.id}.json", Drawing(figure=figure, values=drawn).model_dump_json(indent=1) + "\n")
    return figure
