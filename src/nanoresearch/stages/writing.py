"""Stage III, first half: the manuscript, section by section."""

from nanoresearch.crew.roles import Briefing, WritingMaterial
from nanoresearch.paths import write_atomic
from nanoresearch.schema.manuscript import Manuscript
from nanoresearch.stages.workplace import Workplace


def write(work: Workplace, material: WritingMaterial, briefing: Briefing) -> Manuscript:
    """The first version of the paper, with each section also in a file of its own."""
    manuscript = work.once("writing/manuscript.json", Manuscript, lambda: work.crew.writer.write(briefing, material))
    for number, section in enumerate(manuscript.sections):
        write_atomic(work.folder.path(f"writing/sections/{number:02d}-{section.id}.tex"), section.body + "\n")
    return manuscript
