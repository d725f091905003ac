"""Language models: the roles they play, what they cost, and the record of one call."""

from typing import Any, Literal, get_args

from pydantic import Field

from nanoresearch.schema.record import Record

ModelRole = Literal[
    "surveyor",
    "ideator",
    "designer",
    "critic",
    "coder",
    "debugger",
    "analyst",
    "writer",
    "reviewer",
    "reflector",
    "persona",
    "judge",
]
ROLES: tuple[ModelRole, ...] = get_args(ModelRole)
"""Everything that a language model can be asked to be: the crew's roles, a simulated researcher, a judge of papers."""
CREW_ROLES: tuple[ModelRole, ...] = tuple(role for role in ROLES if role not in ("persona", "judge"))
"""The crew's own: those that a run may ask for."""


class Price(Record):
    """What a model charges, in USD per million tokens."""

    input: float = Field(ge=0)
    """What it reads."""
    output: float = Field(ge=0)
    """What it writes."""
    cached: float | None = Field(None, ge=0)
    """What it reads from its cache; the price of input when not said."""


class Sent(Record):
    """A request on its way."""

    phase: str
    """Phase of the run, for the accounts."""
    role: ModelRole
    """Who asked."""
    model: str
    """Model string: provider and name."""
    tokens_estimate: int | None = Field(None, ge=0)
    """What it may take at most: its text's length in tokens, roughly, and the whole limit of the reply. None in notes
    of earlier versions."""
    cost_usd_estimate: float | None = Field(None, ge=0)
    """Price of so much; None when it is not known."""


class Call(Record):
    """One reply that was paid for, as it stands in the journal."""

    request_hash: str
    """SHA-256 of what was asked."""
    phase: str
    """Phase of the run, for the accounts."""
    step: str
    """Step of the run."""
    lane: int
    """Which of several equal asks made at once."""
    number: int
    """How many times this was asked in this step and lane, this one included."""
    role: ModelRole
    """Who asked."""
    model: str
    """Model string: provider and name."""
    request: dict[str, Any]
    """What was asked, without times and generated ids."""
    response: dict[str, Any]
    """What came back."""
    response_hash: str
    """SHA-256 of the response, against damage."""
    input_tokens: int
    """Tokens read."""
    output_tokens: int
    """Tokens written."""
    estimated: bool = False
    """Whether the tokens were guessed from the length of the text, the provider having said nothing."""
    cost_usd: float | None
    """Price; None when it is not known."""
    seconds: float
    """Time to the reply, repeats included."""
    time: str
    """ISO time, UTC."""
