"""What the builtin crew learns from a run: one file for each kind of lesson, and no language model."""

from nanoresearch.crew.builtin.reflect.reflector import BuiltinReflector

__all__ = ["BuiltinReflector"]
