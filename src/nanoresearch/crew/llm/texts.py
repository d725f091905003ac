"""Instruction texts of the roles, kept beside the code as prompts/ROLE.md."""

from importlib.resources import files


def instructions(role: str) -> str:
    """The text for a role."""
    return files(__package__).joinpath("prompts", f"{role}.md").read_text(encoding="utf-8")
