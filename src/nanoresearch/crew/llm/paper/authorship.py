"""Who wrote and judged a paper, in its own words: which models, in which roles, and whether any was a mere script."""

from collections.abc import Mapping, Sequence

from nanoresearch.crew.builtin.words import listing
from nanoresearch.errors import ModelError
from nanoresearch.models.access import Models
from nanoresearch.paper.escape import latex
from nanoresearch.schema.manuscript import Section
from nanoresearch.schema.models import ROLES, ModelRole

PLAYED = tuple(role for role in ROLES if role not in ("persona", "judge"))
"""Roles that have a part in a paper."""


def players(models: Models) -> dict[str, list[ModelRole]]:
    """Model strings with the roles that each plays."""
    found: dict[str, list[ModelRole]] = {}
    for role in PLAYED:
        try:
            found.setdefault(models.model_of(role), []).append(role)
        except ModelError:  # nobody plays it: the program does that part
            continue
    return found


def stand_in(models: Models) -> str:
    """For the abstract, when a script played a role; else nothing."""
    if not models.scripted:
        return ""
    return (
        r"\emph{Roles of this run were played by a prepared script and not by a language model: its ideas, code and "
        r"text"
        r" show that the program works, and nothing about any model; see Section~\ref{sec:reproducibility}.}"
    )


def authors_told(models: Models) -> str:
    """For the limitations."""
    written = (
        "Ideas, design, code and text of this study come from a prepared script that stands in for language models"
        if models.scripted
        else "Ideas, design, code and text of this study come from language models"
    )
    return (
        f"{written}; Section~\\ref{{sec:reproducibility}} names them. A program derived every number from the "
        f"records of"
        " the run, held every citation against the survey, and wrote the set-up, the verdict on novelty and this"
        " paragraph itself. It cannot tell whether a model understood the works that it cites, nor whether an expert"
        " would have asked a better question."
    )


def disclosed(
    sections: Mapping[str, Section], models: Models, *, replaced: Sequence[str], removed: Mapping[str, int]
) -> dict[str, Section]:
    """The sections with a paragraph on the models in the record of the run, which design sections may number."""
    titles = {name: section.title or "Abstract" for name, section in sections.items()}
    played = [f"\\texttt{{{_breakable(model)}}} ({listing(roles)})" for model, roles in players(models).items()]
    said = [f"Roles were played by {listing(played)}." if played else ""]
    if models.scripted:
        said.append("A name that begins with \\texttt{scripted:} is a prepared script and no language model.")
    if replaced:
        named = listing([f"``{titles[name]}''" for name in replaced])
        said.append(f"No model gave a text that could stand for {named}, which a deterministic program wrote instead.")
    if removed:
        named = listing([f"``{titles[name]}''" for name in removed])
        said.append(f"Statements that did not stand up to the checks were left out of {named}.")
    paragraph = "\\paragraph{Language models} " + " ".join(text for text in said if text)
    record = sections["reproducibility"]
    return {**sections, "reproducibility": record.model_copy(update={"body": f"{record.body}\n\n{paragraph}"})}


def _breakable(model: str) -> str:
    shown = latex(model)
    for sign in (":", "/", "-"):
        shown = shown.replace(sign, f"{sign}\\allowbreak{{}}")
    return shown
