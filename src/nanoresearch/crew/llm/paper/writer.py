"""Writes the paper section by section, the abstract last; every section is proofread before it is taken.

What must be exact is not asked of a model: data, division, scoring and statistics, the verdict on novelty, the
record of
the run, and who wrote the text are the program's own words. Where a model gives no section that can stand, the program
writes it instead; the paper and the events say so.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel, Field
from pydantic_ai import Agent, ModelRetry, RunContext

from nanoresearch.crew.builtin.latex_text import result_keys, visible, word_count
from nanoresearch.crew.builtin.words import listing
from nanoresearch.crew.builtin.writer import opening
from nanoresearch.crew.builtin.writer.revision import cure, edit, owning_up
from nanoresearch.crew.builtin.writer.study import Study
from nanoresearch.crew.builtin.writer.writer import compose, merge_numbers
from nanoresearch.crew.llm.desk import RULES, Desk, material, told
from nanoresearch.crew.llm.paper.authorship import authors_told, disclosed, stand_in
from nanoresearch.crew.llm.paper.dossier import evidence_told, floats_told, gaps_told, study_told, works_told
from nanoresearch.crew.llm.paper.frame import Frame, frames, with_floats
from nanoresearch.crew.llm.paper.latex import body_of
from nanoresearch.crew.llm.paper.mending import misfits, safer
from nanoresearch.crew.llm.paper.numbers import QuotableNumbers
from nanoresearch.crew.llm.paper.proofs import VERDICTS, Fault, Proofreader, complaints, cut, without
from nanoresearch.crew.llm.paper.sections import TASKS, length
from nanoresearch.crew.llm.prompts import prompt
from nanoresearch.crew.roles import Briefing, WritingMaterial
from nanoresearch.evidence.audit.names import PAPER_TEX
from nanoresearch.models.prompts import lay_out
from nanoresearch.models.request import UselessReplies
from nanoresearch.paper.escape import latex
from nanoresearch.paper.template import format_of
from nanoresearch.schema.analysis import Number
from nanoresearch.schema.manuscript import Build, Manuscript, Remark, Response, Review, Section

REFUSALS = 3
"""How often a section is given back before the sentences that cannot stand are taken out."""
LEAST_WORDS = 25
"""A section with less left is no section."""
LONGEST_TITLE = 20
RESPONSES = "review/responses.jsonl"
_ANSWERS = re.compile(r"^\W*ANSWERS\W*$", re.MULTILINE | re.IGNORECASE)
_ANSWER = re.compile(r"^\W{0,3}(\d+)\W{1,3}\s*(\S.*)$", re.MULTILINE)


@dataclass
class Page:
    """A section on a model's desk."""

    section: str
    proofreader: Proofreader
    told: set[str] | None = None
    """For a conclusion: results that earlier sections gave."""
    remarks: tuple[Remark, ...] = ()
    """What has to be answered."""
    answers: dict[int, str] = field(default_factory=dict)
    """By the remark's number, counted from 1."""
    removed: list[Fault] = field(default_factory=list)
    """What was taken out in the end."""


class Front(BaseModel):
    """Title and keywords."""

    title: str = Field(
        description="Title of the paper: plain text, at most 20 words, no numbers, no result overstated."
    )
    keywords: list[str] = Field(description="Three to six keywords, plain text.", max_length=8)


_SECTION: Agent[Page, str] = Agent(
    output_type=str, instructions=RULES + prompt("writer"), deps_type=Page, retries=REFUSALS, name="section"
)
_FRONT: Agent[Page, Front] = Agent(
    output_type=Front, instructions=RULES + prompt("front"), deps_type=Page, retries=2, name="front"
)


@_SECTION.output_validator
def _proofread(ctx: RunContext[Page], reply: str) -> str:
    """The body in a reply. Overstatements are complained of once; what cannot stand, until it is taken out."""
    page = ctx.deps
    text, *rest = _ANSWERS.split(reply, maxsplit=1)
    page.answers = {int(number): " ".join(said.split()) for number, said in _ANSWER.findall(rest[0] if rest else "")}
    body = cut(body_of(text))
    faults = page.proofreader.faults(page.section, body, page.told)
    unanswered = [str(n) for n in range(1, len(page.remarks) + 1) if n not in page.answers]
    if unanswered:
        faults.append(Fault("", f"the remarks {', '.join(unanswered)} have no line below ANSWERS", hard=False))
    if any(fault.hard for fault in faults) or (faults and ctx.retry == 0):
        if not ctx.last_attempt:
            raise ModelRetry(
                f"This section cannot be taken as it is:\n{complaints(faults)}\nSend the whole section again, mended."
            )
        if any(fault.hard and not fault.piece for fault in faults):
            raise ModelRetry(complaints(faults))
        page.removed = [fault for fault in faults if fault.hard]
        body = without(body, faults)
    if word_count(body) < LEAST_WORDS:
        raise ModelRetry(f"The section has {word_count(body)} words that can stand; that is too few.")
    return body


@_FRONT.output_validator
def _plain_front(ctx: RunContext[Page], front: Front) -> Front:
    wrong = ctx.deps.proofreader.plain_faults("title", front.title)
    wrong += [text for word in front.keywords for text in ctx.deps.proofreader.plain_faults("keywords", word)]
    if len(front.title.split()) > LONGEST_TITLE:
        wrong.append(f"the title has more than {LONGEST_TITLE} words")
    if not front.title.strip():
        wrong.append("the title is empty")
    if wrong:
        raise ModelRetry("; ".join(wrong))
    return front


class LlmWriter:
    """A model writes, the program proofreads, places floats and adds what must be exact."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def write(self, briefing: Briefing, material: WritingMaterial) -> Manuscript:
        """The first version, section by section."""
        desk = self._desk
        sitting = Sitting(desk, briefing, material)
        study = sitting.study
        sections = {section.id: section for section in compose(study)}
        bodies: dict[str, str] = {}
        replaced: list[str] = []
        removed: dict[str, int] = {}
        for name in TASKS:
            if name not in sections:
                continue
            page = sitting.page(name, bodies)
            try:
                body = sitting.ask(page, sitting.prompt(name, bodies))
            except UselessReplies as error:
                desk.events.emit("degraded", f"The program wrote the section {name} itself: {error}")
                replaced.append(name)
                bodies[name] = sections[name].body
                continue
            self._tell(page)
            removed |= {name: len(page.removed)} if page.removed else {}
            bodies[name] = body
            sections[name] = sections[name].model_copy(update={"body": sitting.frames[name].around(body)})
        title, keywords = self._front(sitting, bodies)
        sections = disclosed(sections, desk.models, replaced=replaced, removed=removed)
        style = briefing.profile.writing
        ordered = with_floats(tuple(sections.values()), study, sitting.labels)
        return Manuscript(
            title=title,
            authors=latex(style.author),
            affiliation=latex(style.affiliation),
            format=format_of(style),
            keywords=keywords,
            sections=ordered,
            numbers=sitting.numbers_of(ordered),
            informed_by=tuple(skill.id for skill in briefing.skills if skill.kind == "writing"),
        )

    def revise(
        self, briefing: Briefing, material: WritingMaterial, manuscript: Manuscript, review: Review
    ) -> Manuscript:
        """The next version: sections with remarks are written again, and each remark is answered or owned up to."""
        sitting = Sitting(self._desk, briefing, material)
        by_section: dict[str, list[Remark]] = {}
        for remark in review.remarks:
            by_section.setdefault(remark.section, []).append(remark)
        responses: list[Response] = []
        for section in manuscript.sections:
            remarks = tuple(by_section.get(section.id, ()))
            if remarks and section.id in TASKS:
                manuscript, said = self._revised(sitting, manuscript, section, remarks)
                responses += said
        answered = {item.remark for item in responses if item.answer}
        for remark in review.remarks:
            manuscript = cure(manuscript, remark, material.analysis)
        left = [
            remark
            for remark in review.remarks
            if remark.text not in answered
            and cure(manuscript, remark, material.analysis) == manuscript
            and self._stands(manuscript, remark, review)
        ]
        manuscript = edit(manuscript, "limitations", lambda body: owning_up(body, left, manuscript))
        self._keep(responses)
        ordered = with_floats(manuscript.sections, sitting.study, sitting.labels)
        return manuscript.model_copy(
            update={
                "revision": manuscript.revision + 1,
                "sections": ordered,
                "numbers": merge_numbers(manuscript.numbers, sitting.numbers_of(ordered)),
            }
        )

    def mend(self, material: WritingMaterial, manuscript: Manuscript, build: Build) -> Manuscript:
        """The manuscript without the sentences at which LaTeX stumbled; the same when none can be found."""
        found = misfits(material.folder.path(PAPER_TEX).read_text(encoding="utf-8"), build.errors)
        for name, places in found.items():
            self._desk.events.emit("warning", f"LaTeX could not set a part of {name}; it is written more plainly.")
            manuscript = edit(manuscript, name, lambda body, places=places: safer(body, places))  # type: ignore[misc]
        return manuscript

    def _revised(
        self, sitting: "Sitting", manuscript: Manuscript, section: Section, remarks: tuple[Remark, ...]
    ) -> tuple[Manuscript, list[Response]]:
        frame, core = sitting.frames[section.id].taken_from(section.body)
        others = {item.id: item.body for item in manuscript.sections if item.id != section.id}
        page = sitting.page(section.id, others)
        page.remarks = remarks
        try:
            body = sitting.ask(page, sitting.revision_prompt(section.id, core, remarks, others))
        except UselessReplies as error:
            self._desk.events.emit("degraded", f"The section {section.id} was not revised: {error}")
            return manuscript, []
        self._tell(page)
        responses = [
            Response(
                revision=manuscript.revision + 1, section=section.id, remark=remark.text, answer=page.answers.get(n, "")
            )
            for n, remark in enumerate(remarks, start=1)
        ]
        return edit(manuscript, section.id, lambda _: frame.around(body)), responses

    def _front(self, sitting: "Sitting", bodies: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
        prompt = lay_out(constant=sitting.constant, changing=material("abstract", bodies.get("abstract", "")))
        try:
            front = self._desk.models.ask("writer", _FRONT, prompt, deps=sitting.page("title", {})).output
        except UselessReplies as error:
            self._desk.events.emit("degraded", f"The program wrote title and keywords itself: {error}")
            return opening.paper_title(sitting.study), opening.keywords(sitting.study)
        return latex(front.title.strip().rstrip(".")), tuple(latex(word) for word in front.keywords if word.strip())

    def _tell(self, page: Page) -> None:
        for fault in page.removed:
            said = visible(fault.piece)[:160]
            self._desk.events.emit("warning", f"Left out of {page.section}, since it {fault.complaint}: {said}")

    def _stands(self, manuscript: Manuscript, remark: Remark, review: Review) -> bool:
        """Whether what a remark quotes is still there; remarks that quote nothing stand."""
        quoted = re.search(r'"([^"]{12,})"', remark.text)
        section = next((item for item in manuscript.sections if item.id == remark.section), None)
        return section is None or quoted is None or quoted[1] in " ".join(visible(section.body).split("\n\n"))

    def _keep(self, responses: list[Response]) -> None:
        """Answers to remarks, all rounds in one file."""
        folder = self._desk.folder
        kept = folder.load_lines(RESPONSES, Response) if folder.has(RESPONSES) else []
        new = [item for item in responses if item not in kept]
        folder.save_lines(RESPONSES, [*kept, *new])


class Sitting:
    """What all sections of one paper are written from."""

    def __init__(self, desk: Desk, briefing: Briefing, material_: WritingMaterial) -> None:
        self._desk = desk
        self._material = material_
        self.study = Study(briefing, material_, authorship=authors_told(desk.models))
        self._numbers = QuotableNumbers(material_.ledger, material_.folder)
        skeleton = compose(self.study)
        shown = {f"tab:{item.id}" for item in material_.analysis.tables if self._printed(item.id, skeleton)}
        shown |= {f"fig:{item.id}" for item in material_.analysis.figures if self.study.figure(item.id)}
        self.labels = shown | {f"sec:{section.id}" for section in skeleton if section.id != "abstract"}
        results = set(self._numbers.by_key)
        self._proofreader = Proofreader(material_.folder, material_.analysis, results, self.labels)
        self.frames: dict[str, Frame] = frames(self.study, stand_in(desk.models))
        self.constant = "\n\n".join(
            [told(briefing), study_told(material_.blueprint, material_.analysis), self._manner()]
        )

    def page(self, section: str, bodies: Mapping[str, str]) -> Page:
        """A page for a section, with what a conclusion may repeat."""
        earlier = {key for name in ("results", "discussion") for key in result_keys(bodies.get(name, ""))}
        return Page(section, self._proofreader, earlier if section == "conclusion" and earlier else None)

    def ask(self, page: Page, changing: str) -> str:
        """A section that can stand. Raises ModelError, and what Models raises."""
        return self._desk.models.ask(
            "writer", _SECTION, lay_out(constant=self.constant, changing=changing), deps=page
        ).output

    def prompt(self, section: str, bodies: Mapping[str, str]) -> str:
        """What is asked for a section."""
        task = TASKS[section]
        wanted = f"Write the section {section}, {length(task, brief=self.study.brief)}. {task.asks}"
        return "\n\n".join([*self._given(section, bodies), wanted, *self._wishes(section)])

    def revision_prompt(self, section: str, body: str, remarks: Iterable[Remark], bodies: Mapping[str, str]) -> str:
        """What is asked when a reviewer objected to a section."""
        listed = "\n".join(f"{n}. ({remark.severity}) {remark.text}" for n, remark in enumerate(remarks, start=1))
        return "\n\n".join(
            [
                *self._given(section, bodies),
                material(f"the section {section} as it is", body),
                material("remarks of the reviewer", listed),
                f"Revise the section {section} so that the remarks no longer apply; change nothing else. Its task was: "
                f"{TASKS[section].asks} A remark that asks for a result or a work that is not in the lists cannot be "
                "followed; say so in its answer. After the whole revised section write a line with the one word "
                "ANSWERS, and below it for each remark a line: its number, a colon, what you did about it.",
            ]
        )

    def numbers_of(self, sections: Iterable[Section]) -> tuple[Number, ...]:
        """Every number that these sections may print."""
        used = self._numbers.used(section.body for section in sections)
        return merge_numbers(self._material.analysis.numbers, merge_numbers(self.study.book.numbers, used))

    def _given(self, section: str, bodies: Mapping[str, str]) -> list[str]:
        given: list[str] = []
        survey = self._material.survey
        for part in TASKS[section].given:
            if part == "works":
                given += [works_told(survey), gaps_told(survey)]
            elif part == "evidence":
                given.append(evidence_told(survey))
            elif part == "numbers":
                given.append(material("results you may refer to", self._numbers.shown()))
            elif part == "deciding numbers":
                given.append(material("results you may refer to", self._numbers.shown(self._deciding(section, bodies))))
            else:
                written = [f"[{name}]\n{body}" for name, body in bodies.items() if name in EARLIER and body]
                given.append(material("sections written before", "\n\n".join(written), limit=40_000))
        if section not in ("abstract", "plain_summary"):
            given.append(floats_told(self._material.analysis, self.labels))
        return [text for text in given if text]

    def _deciding(self, section: str, bodies: Mapping[str, str]) -> list[str]:
        if section != "conclusion":
            return self._numbers.deciding
        told_before = {key for name in ("results", "discussion") for key in result_keys(bodies.get(name, ""))}
        return [key for key in self._numbers.deciding if key in told_before] if told_before else self._numbers.deciding

    def _manner(self) -> str:
        guidance = self.study.guidance
        manner = [
            'Write "we".' if self.study.voice.we else 'Write in the passive voice; never write "we".',
            "State estimators and models as formulas where that helps." if guidance.equations else "Use no formulas.",
            f'The agreed words for the verdict are "{VERDICTS[self._material.analysis.verdict]}".',
        ]
        return "Manner of this paper: " + " ".join(manner)

    def _wishes(self, section: str) -> list[str]:
        guidance = self.study.guidance
        wishes = []
        if section == "abstract" and guidance.lead == "answer":
            wishes.append("Open the abstract with the answer, not with the question.")
        if section == "introduction" and guidance.bullet_contributions:
            wishes.append("List the contributions as items at the end.")
        if section == "results":
            wishes.append(
                "Refer to " + listing([_pointer(name) for name in sorted(self.labels) if name in SHOWN]) + "."
            )
        return wishes

    def _printed(self, table: str, skeleton: tuple[Section, ...]) -> bool:
        """Whether the paper may show a table: those of appendices only where the plan asks for the appendix."""
        if table in ("seeds", "settings", "notation"):
            return any(f"\\inputtable{{{table}}}" in section.body for section in skeleton)
        return self.study.table(table) is not None


EARLIER = ("introduction", "method", "results", "discussion", "limitations")
"""Sections that later ones are shown."""
SHOWN = ("tab:main", "tab:comparisons", "fig:effects", "fig:sweep", "tab:sweep")
"""Floats that the results should refer to, where the paper has them."""


def _pointer(label: str) -> str:
    kind = "Table" if label.startswith("tab:") else "Figure"
    return f"{kind}~\\ref{{{label}}}"
