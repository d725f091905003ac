"""What calls of language models cost, what they will cost, and when to stop.

Prices come from the configuration first, then from genai-prices (bundled tables; nothing is fetched). A model whose
price nobody knows has its tokens counted and its cost reported as unknown, never as zero. Scripts and servers on this
machine charge nothing.

A call that a killed process lost was probably paid for, and nobody knows how much: it counts against the caps with an
estimate on the safe side, which never enters what was measured.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from genai_prices import Usage, calc_price
from pydantic_ai.messages import ModelResponse

from nanoresearch.config import ModelsConfig
from nanoresearch.errors import BudgetExceeded, ModelError
from nanoresearch.events import Events
from nanoresearch.models.routing import Route, route
from nanoresearch.runlog import RunLog
from nanoresearch.schema.models import CREW_ROLES, Call, ModelRole, Price, Sent

CHARACTERS_PER_TOKEN = 4
"""Of English prose and code, roughly."""


@dataclass(frozen=True)
class Budget:
    """Caps on one run, earlier sittings and estimates of lost calls included; minutes are those of this sitting.

    None is no cap.
    """

    usd: float | None = None
    tokens: int | None = None
    minutes: float | None = None


@dataclass(frozen=True)
class Spending:
    """What was paid."""

    calls: int = 0
    tokens: int = 0
    cost_usd: float = 0.0
    unpriced_calls: int = 0
    """Calls whose price is not known; cost_usd leaves them out."""

    def plus(self, calls: int, tokens: int, cost_usd: float | None) -> "Spending":
        """With more calls of one kind."""
        return Spending(
            self.calls + calls,
            self.tokens + tokens,
            self.cost_usd + (cost_usd or 0.0),
            self.unpriced_calls + (calls if cost_usd is None else 0),
        )


@dataclass(frozen=True)
class Tokens:
    """Tokens of one call."""

    input: int
    output: int
    cached: int = 0
    """Of the input, read from the provider's cache."""
    estimated: bool = False

    @property
    def total(self) -> int:
        """In and out."""
        return self.input + self.output


@dataclass(frozen=True)
class Typical:
    """A usual run's calls of a role."""

    calls: int
    input: int
    """Tokens a call."""
    output: int


TYPICAL: dict[ModelRole, Typical] = {
    "surveyor": Typical(10, 8000, 1200),
    "ideator": Typical(8, 10000, 1500),
    "designer": Typical(4, 9000, 2500),
    "critic": Typical(4, 9000, 1000),
    "coder": Typical(8, 12000, 5000),
    "debugger": Typical(6, 15000, 3000),
    "analyst": Typical(4, 12000, 2000),
    "writer": Typical(12, 15000, 2500),
    "reviewer": Typical(3, 20000, 1500),
    "reflector": Typical(3, 12000, 1200),
    "persona": Typical(3, 4000, 400),
    "judge": Typical(5, 20000, 800),
}
"""Guesses, made before anything was measured: order of magnitude only."""


@dataclass(frozen=True)
class Forecast:
    """A rough guess of what a run will take."""

    calls: int
    tokens: int
    cost_usd: float | None
    """None when no price is known; a lower bound when some are not."""
    unpriced: tuple[str, ...]
    """Models without a known price."""

    def __str__(self) -> str:
        """One sentence that says how rough it is."""
        cost = "at an unknown price" if self.cost_usd is None else f"about {self.cost_usd:.2f} USD"
        if self.unpriced and self.cost_usd is not None:
            cost = f"at least {cost} (price of {', '.join(self.unpriced)} unknown)"
        return f"Rough forecast from typical sizes: {self.calls} calls, {self.tokens:,} tokens, {cost}."


def price(config: ModelsConfig, route: Route, tokens: Tokens, model_name: str | None = None) -> float | None:
    """USD for these tokens, or None when nobody knows."""
    own = config.prices.get(route.model)
    if own is not None:
        return _at(own, tokens)
    if route.scripted or route.on_this_machine:
        return 0.0
    usage = Usage(input_tokens=tokens.input, output_tokens=tokens.output, cache_read_tokens=tokens.cached)
    provider = route.provider.split("-", 1)[0] if route.provider.startswith("openai-") else route.provider
    for name in dict.fromkeys((route.name, model_name or route.name)):
        try:
            return float(calc_price(usage, name, provider_id=provider).total_price)
        except (LookupError, ValueError):  # not in its tables, or usage that it cannot price
            continue
    return None


def _at(price: Price, tokens: Tokens) -> float:
    cached = price.input if price.cached is None else price.cached
    fresh = tokens.input - tokens.cached
    return (fresh * price.input + tokens.cached * cached + tokens.output * price.output) / 1e6


def tokens_of(response: ModelResponse, asked_characters: int) -> Tokens:
    """Tokens as the provider counts them; estimated from the text where it says nothing."""
    usage = response.usage
    if usage.input_tokens or usage.output_tokens:
        return Tokens(usage.input_tokens, usage.output_tokens, min(usage.cache_read_tokens, usage.input_tokens))
    written = sum(len(str(getattr(part, "content", getattr(part, "args", "")))) for part in response.parts)
    return Tokens(_tokens(asked_characters), _tokens(written), estimated=True)


def _tokens(characters: int) -> int:
    return -(-characters // CHARACTERS_PER_TOKEN)


def forecast(config: ModelsConfig, calls: Mapping[ModelRole, int] | None = None) -> Forecast:
    """What a run with so many calls of each role may take; a usual run of a whole crew when not said."""
    wanted = calls if calls is not None else {role: TYPICAL[role].calls for role in CREW_ROLES}
    total, known, unpriced = Spending(), False, []
    for role, number in wanted.items():
        usual, way = TYPICAL[role], route(config, role)
        one = Tokens(usual.input, usual.output)
        cost = price(config, way, one)
        total = total.plus(number, number * one.total, None if cost is None else number * cost)
        known = known or cost is not None
        if cost is None and way.model not in unpriced:
            unpriced.append(way.model)
    return Forecast(total.calls, total.tokens, total.cost_usd if known else None, tuple(unpriced))


@dataclass(frozen=True)
class Reservation:
    """Room in the budget for a call on its way."""

    tokens: int
    cost_usd: float | None


@dataclass(frozen=True)
class LostEstimate:
    """What calls that a killed process lost may have cost at most. An estimate: no reply came to be measured."""

    calls: int = 0
    tokens: int = 0
    cost_usd: float = 0.0
    priced_calls: int = 0
    """Calls that cost_usd holds; what the others may have cost is not known."""

    def plus(self, sent: Sent | None) -> "LostEstimate":
        """With one more call; None is one of which nothing is known."""
        tokens, cost = (sent.tokens_estimate, sent.cost_usd_estimate) if sent else (None, None)
        return LostEstimate(
            self.calls + 1,
            self.tokens + (tokens or 0),
            self.cost_usd + (cost or 0.0),
            self.priced_calls + (cost is not None),
        )


UNKNOWN_PHASE = "unknown"
"""Where run.json counts lost calls whose note cannot be read."""


class Ledger:
    """The accounts of one run: what was paid, what is on its way, and what may still be."""

    def __init__(
        self,
        config: ModelsConfig,
        log: RunLog,
        events: Events,
        budget: Budget,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._log = log
        self._events = events
        self.budget = budget
        self._clock = clock
        self.deadline = None if budget.minutes is None else clock() + 60 * budget.minutes
        self.spent = _of_phases(log)
        self.lost = _lost_of_phases(log)
        self._reserved: list[Reservation] = []
        self._seen: dict[ModelRole, list[int]] = defaultdict(list)
        self._told: set[str] = set()

    def reconcile(self, calls: Iterable[Call]) -> None:
        """Book what the journal holds and run.json lacks: a process killed between the two writes paid all the same."""
        phases: dict[str, Spending] = defaultdict(Spending)
        models: dict[str, dict[str, None]] = defaultdict(dict)
        for call in calls:
            phases[call.phase] = phases[call.phase].plus(1, call.input_tokens + call.output_tokens, call.cost_usd)
            models[call.phase][call.model] = None
            self._seen[call.role].append(call.output_tokens)
        for phase, paid in phases.items():
            booked = self._log.record.phases.get(phase)
            missing = paid.calls - (booked.model_calls if booked else 0)
            if missing > 0:
                self._log.spent(
                    phase,
                    calls=missing,
                    tokens=max(0, paid.tokens - (booked.tokens if booked else 0)),
                    cost_usd=max(0.0, paid.cost_usd - (booked.cost_usd if booked else 0.0)),
                    unpriced=max(0, paid.unpriced_calls - (booked.unpriced_calls if booked else 0)),
                    models=models[phase],
                )
        self.spent = _of_phases(self._log)

    def lose(self, lost: Iterable[Sent | None]) -> None:
        """Book requests whose replies were lost with a killed process, those of this run's earlier kills included.

        None is a request of which nothing is known. A note that was damaged after it had been booked is not counted
        again.
        """
        phases: dict[str, LostEstimate] = defaultdict(LostEstimate)
        unreadable = 0
        for sent in lost:
            if sent is None:
                unreadable += 1
            else:
                phases[sent.phase] = phases[sent.phase].plus(sent)
        record = self._log.record.phases
        booked = {name: cost.lost_calls for name, cost in record.items() if name != UNKNOWN_PHASE}
        damaged_since = sum(max(0, calls - phases[name].calls) for name, calls in booked.items())
        for _ in range(unreadable - damaged_since):
            phases[UNKNOWN_PHASE] = phases[UNKNOWN_PHASE].plus(None)
        for phase, found in phases.items():
            new = found.calls - (record[phase].lost_calls if phase in record else 0)
            if new > 0:
                self._log.lost(
                    phase,
                    calls=found.calls,
                    tokens=found.tokens,
                    cost_usd=found.cost_usd,
                    priced=found.priced_calls,
                )
                where = "a phase that is not known" if phase == UNKNOWN_PHASE else phase
                self._events.emit(
                    "warning",
                    f"{new} call(s) of a language model in {where} were on their way when the process ended. "
                    "They are asked again; the provider may charge for both. Caps count the lost ones by estimate, "
                    f"where there is one: {found.tokens} tokens, {found.cost_usd:.4f} USD in all.",
                )
        self.lost = _lost_of_phases(self._log)

    def at_most(self, route: Route, characters: int, max_tokens: int) -> Reservation:
        """What a call may take: its input by the length of its text, and a reply that fills its limit."""
        tokens = Tokens(_tokens(characters), max_tokens)
        return Reservation(tokens.total, price(self._config, route, tokens))

    def admit(self, route: Route, characters: int, max_tokens: int) -> Reservation:
        """Make room for a call. Raises BudgetExceeded when it would, by estimate, break a cap.

        The reply is taken to be as long as usual in this role, or as its replies in this run were: its limit would stop
        runs long before their cap.
        """
        self.check_time()
        replies = self._seen[route.role]
        usual = max(TYPICAL[route.role].output, sum(replies) // len(replies) if replies else 0)
        tokens = Tokens(_tokens(characters), min(max_tokens, usual))
        cost = price(self._config, route, tokens)
        if cost is None:
            self._unpriced(route)
        self._check(f"before a call of {route.model} as {route.role}", tokens.total, cost or 0.0)
        reservation = Reservation(tokens.total, cost)
        self._reserved.append(reservation)
        return reservation

    def release(self, reservation: Reservation) -> None:
        """Give room back: the call has been booked, or has failed."""
        self._reserved.remove(reservation)

    def cost(self, route: Route, tokens: Tokens, model_name: str | None) -> float | None:
        """Price of a call."""
        return price(self._config, route, tokens, model_name)

    def book(self, call: Call) -> None:
        """Count a call that was paid for."""
        tokens = call.input_tokens + call.output_tokens
        self.spent = self.spent.plus(1, tokens, call.cost_usd)
        self._seen[call.role].append(call.output_tokens)
        unpriced = int(call.cost_usd is None)
        cost = call.cost_usd or 0.0
        self._log.spent(call.phase, calls=1, tokens=tokens, cost_usd=cost, unpriced=unpriced, models=(call.model,))
        said = "unknown cost" if call.cost_usd is None else f"{call.cost_usd:.4f} USD"
        self._events.emit(
            "usage",
            f"{call.role}: {tokens} tokens, {said}",
            role=call.role,
            model=call.model,
            phase=call.phase,
            step=call.step,
            input_tokens=call.input_tokens,
            output_tokens=call.output_tokens,
            cost_usd=call.cost_usd,
            seconds=call.seconds,
            estimated=call.estimated,
        )

    def check_spent(self) -> None:
        """Raise BudgetExceeded when a cap is broken by what was paid already."""
        self._check("after the last call", 0, 0.0, reserved=False)

    def check_time(self, ahead_s: float = 0.0) -> None:
        """Raise BudgetExceeded when the minutes are used up, or would be after waiting so long."""
        if self.deadline is not None and self._clock() + ahead_s > self.deadline:
            wait = f" (the provider asks to wait {ahead_s:.0f} s)" if ahead_s else ""
            raise BudgetExceeded(f"The {self.budget.minutes:g} minutes for this sitting are used up{wait}.")

    def _check(self, when: str, tokens: int, cost_usd: float, *, reserved: bool = True) -> None:
        if reserved:
            tokens += sum(item.tokens for item in self._reserved)
            cost_usd += sum(item.cost_usd or 0.0 for item in self._reserved)
        expected = f", about {cost_usd:.4f} more expected" if cost_usd else ""
        cap = self.budget.usd
        if cap is not None and self.spent.cost_usd + self.lost.cost_usd + cost_usd > cap:
            raise BudgetExceeded(
                f"The cap of {cap:g} USD is reached {when}: {self.spent.cost_usd:.4f} USD spent"
                f"{self._and_lost(f'{self.lost.cost_usd:.4f}')}{expected}. "
                "What was paid for is kept; resume with a higher cap to go on."
            )
        most = self.budget.tokens
        if most is not None and self.spent.tokens + self.lost.tokens + tokens > most:
            raise BudgetExceeded(
                f"The cap of {most} tokens is reached {when}: {self.spent.tokens} used"
                + self._and_lost(f"{self.lost.tokens}")
                + (f", about {tokens} more expected" if tokens else "")
                + ". What was paid for is kept; resume with a higher cap to go on."
            )

    def _and_lost(self, amount: str) -> str:
        return f", {amount} more by estimate for {self.lost.calls} lost call(s)" if self.lost.calls else ""

    def _unpriced(self, route: Route) -> None:
        if self.budget.usd is not None:
            raise ModelError(
                f"A cap in USD cannot be kept: the price of {route.model} is not known. Set it, in USD per million "
                f'tokens, such as [models.prices."{route.model}"] input = 1.0, output = 4.0, or cap tokens instead.'
            )
        if route.model not in self._told:
            self._told.add(route.model)
            self._events.emit(
                "warning", f"The price of {route.model} is not known: its tokens are counted, its cost is not."
            )


def _lost_of_phases(log: RunLog) -> LostEstimate:
    phases = log.record.phases.values()
    return LostEstimate(
        sum(cost.lost_calls for cost in phases),
        sum(cost.lost_tokens_estimate for cost in phases),
        sum(cost.lost_cost_usd_estimate for cost in phases),
        sum(cost.lost_priced_calls for cost in phases),
    )


def _of_phases(log: RunLog) -> Spending:
    total = Spending()
    for cost in log.record.phases.values():
        total = replace(
            total,
            calls=total.calls + cost.model_calls,
            tokens=total.tokens + cost.tokens,
            cost_usd=total.cost_usd + cost.cost_usd,
            unpriced_calls=total.unpriced_calls + cost.unpriced_calls,
        )
    return total
