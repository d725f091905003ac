"""The builtin crew, put together."""

from nanoresearch.crew.builtin.analyst import BuiltinAnalyst
from nanoresearch.crew.builtin.coder import BuiltinCoder
from nanoresearch.crew.builtin.critic import BuiltinCritic
from nanoresearch.crew.builtin.debugger import BuiltinDebugger
from nanoresearch.crew.builtin.designer import BuiltinDesigner
from nanoresearch.crew.builtin.ideator import BuiltinIdeator
from nanoresearch.crew.builtin.judge import judge_of
from nanoresearch.crew.builtin.reflect import BuiltinReflector
from nanoresearch.crew.builtin.reviewer import BuiltinReviewer
from nanoresearch.crew.builtin.surveyor import BuiltinSurveyor
from nanoresearch.crew.builtin.writer import BuiltinWriter
from nanoresearch.crew.roles import Crew
from nanoresearch.literature.offline import OfflineCorpus


def builtin_crew(corpus: OfflineCorpus) -> Crew:
    """A role each."""
    return Crew(
        name="builtin",
        surveyor=BuiltinSurveyor(corpus),
        ideator=BuiltinIdeator(),
        designer=BuiltinDesigner(),
        critic=BuiltinCritic(),
        coder=BuiltinCoder(),
        debugger=BuiltinDebugger(),
        analyst=BuiltinAnalyst(),
        writer=BuiltinWriter(),
        reviewer=BuiltinReviewer(),
        reflector=BuiltinReflector(),
        judge=judge_of,
    )
