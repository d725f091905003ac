"""The builtin writer: plain prose from records, one file per group of sections, and no language model."""

from nanoresearch.crew.builtin.writer.writer import BuiltinWriter

__all__ = ["BuiltinWriter"]
