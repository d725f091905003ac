"""The builtin writer: sections put together in the order that the plan asks for, and revised as a review asks."""

from nanoresearch.crew.builtin.recall import advice
from nanoresearch.crew.builtin.reviewer import BuiltinReviewer
from nanoresearch.crew.builtin.writer import approach, closing, experiment, extras, opening, related, results
from nanoresearch.crew.builtin.writer.revision import cure, revised, rule_for
from nanoresearch.crew.builtin.writer.study import Study
from nanoresearch.crew.roles import Briefing, WritingMaterial
from nanoresearch.paper.escape import latex
from nanoresearch.paper.template import format_of
from nanoresearch.schema.analysis import Number
from nanoresearch.schema.manuscript import Build, Manuscript, Review, Section

UNBUILT = Build(
    engine=None, ok=True, pages=None, overfull=(), undefined=(), errors=(), inputs={}, pdf_sha256=None,
)  # fmt: skip
"""Stands for a PDF that nothing is known of yet."""


class BuiltinWriter:
    """Deterministic prose: the same material gives the same paper."""

    def write(self, briefing: Briefing, material: WritingMaterial) -> Manuscript:
        """The first version, section by section."""
        study = Study(briefing, material)
        sections = compose(study)
        style = briefing.profile.writing
        manuscript = Manuscript(
            title=opening.paper_title(study),
            authors=latex(style.author),
            affiliation=latex(style.affiliation),
            format=format_of(style),
            keywords=opening.keywords(study),
            sections=sections,
            numbers=merge_numbers(material.analysis.numbers, study.book.numbers),
        )
        return foresee(briefing, material, manuscript)

    def revise(
        self, briefing: Briefing, material: WritingMaterial, manuscript: Manuscript, review: Review
    ) -> Manuscript:
        """The next version: what can be mended is mended, the rest is listed among the limitations."""
        return revised(manuscript, review, material.analysis)

    def mend(self, material: WritingMaterial, manuscript: Manuscript, build: Build) -> Manuscript:
        """The same: this writer's LaTeX can always be set, and where it cannot, the program has to be mended."""
        return manuscript


def foresee(briefing: Briefing, material: WritingMaterial, manuscript: Manuscript) -> Manuscript:
    """The first version, read over for what earlier reviews taught to look for; unchanged without such skills."""
    known = advice(briefing.skills, ("writing",), "revise", material.blueprint.study)
    skills = {item.target: item.skill for item in reversed(known)}
    if not skills:
        return manuscript
    read = BuiltinReviewer().review(manuscript, material.analysis, material.blueprint, UNBUILT, threshold=0)
    used = []
    for remark in read.remarks:
        rule = rule_for(remark)
        if rule is None or rule.name not in skills:
            continue
        changed = cure(manuscript, remark, material.analysis)
        if changed != manuscript:
            used.append(skills[rule.name])
        manuscript = changed
    return manuscript.model_copy(update={"informed_by": tuple(dict.fromkeys(used))})


def compose(study: Study) -> tuple[Section, ...]:
    """All sections in order."""
    extra = study.guidance.extra_sections
    placed = study.guidance.related_work
    works = related.related_work(study)
    sections = (
        opening.abstract(study),
        extras.plain_summary(study) if "plain_summary" in extra else None,
        opening.introduction(study),
        works if placed == "early" else None,
        approach.method(study),
        works if placed == "after_method" else None,
        experiment.setup(study),
        results.results(study),
        closing.error_analysis(study) if "error_analysis" in extra else None,
        closing.cost(study) if "cost" in extra or study.briefing.profile.contribution == "efficiency" else None,
        closing.discussion(study),
        closing.limitations(study),
        closing.broader_impact(study) if "broader_impact" in extra else None,
        extras.ethics(study) if "ethics" in extra else None,
        works if placed == "late" else None,
        closing.conclusion(study),
        extras.next_steps(study) if "next_steps" in extra else None,
        extras.data_availability(study) if "data_availability" in extra else None,
        closing.reproducibility(study),
        extras.settings(study) if "settings" in extra else None,
        extras.notation(study) if "notation" in extra else None,
        closing.seed_values(study),
    )
    return tuple(section for section in sections if section is not None)


def merge_numbers(first: tuple[Number, ...], second: tuple[Number, ...]) -> tuple[Number, ...]:
    """Numbers of both, by key."""
    merged = {number.key: number for number in (*second, *first)}
    return tuple(merged[key] for key in sorted(merged))
