"""Self-distilled policy optimisation: on its own plans the student learns what it would say, had it known the feedback.

For planner input x, sampled plan y and feedback f the gradient of the reverse divergence is

    - sum_t sum_v  p_S(v | x, y<t) A_t(v) grad log p_S(v | x, y<t)
    A_t(v) = log p_T(v | x, f, y<t) - log p_S(v | x, y<t)

over every token that is allowed (or all tokens) at every position, the teacher's side constant. Positions where a
single token is allowed contribute nothing and are left out. Source: arXiv:2601.20802 and arXiv:2603.12273.
"""

import math
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

from nanoresearch.planner.anchor import Anchor
from nanoresearch.planner.branches import Prefix
from nanoresearch.planner.choices import Menu, branch_bonus
from nanoresearch.planner.policy import Policy, WrittenPlan, branch_table, menu_tokens
from nanoresearch.schema.learning import Divergence, Vocabulary

NEVER = -1e9  # instead of minus infinity, whose product with zero has no gradient


@dataclass(frozen=True)
class Teacher:
    """The student's own model, knowing the feedback: prompts already run, and what the feedback adds to directives."""

    plain: Prefix
    """The prompt without feedback."""
    informed: Prefix | None
    """The prompt with feedback; None when it is not used."""
    prompt_weight: float
    """log p_T = log p_S + weight (log p_informed - log p_plain) + bonus, renormalised."""
    bonus: tuple[float, ...]
    """Nats for each directive of the menu."""
    adapter: bool
    """Whether the teacher's weights include the user's adapter."""
    weights: dict[str, Tensor] | None = None
    """The adapter weights of a teacher that is not the present student."""
    base: Prefix | None = None
    """The prompt without feedback as the base read it, where plain is not that and plans are anchored."""

    @property
    def base_reading(self) -> Prefix:
        """The prompt without feedback as the base read it. Raises ValueError where it was not read."""
        reading = self.base if self.adapter else self.plain
        if reading is None:
            raise ValueError("This teacher carries an adapter, and its prompt was not read by the base.")
        return reading


def token_advantages(teacher: Tensor, student: Tensor, mask: Tensor) -> Tensor:
    """log p(v|x,f,y<t) - log p(v|x,y<t) at every position and token, zero where mask is 0.

    Shapes: teacher, student (..., V) log-probabilities; mask (...) or (..., V). Unit: nats.
    Raises ValueError if the shapes differ. Source: arXiv:2601.20802, the logit-level gradient.
    """
    if teacher.shape != student.shape or mask.shape not in (teacher.shape, teacher.shape[:-1]):
        raise ValueError(f"Shapes do not fit: {tuple(teacher.shape)}, {tuple(student.shape)}, {tuple(mask.shape)}.")
    keep = mask if mask.shape == teacher.shape else mask.unsqueeze(-1).expand_as(teacher)
    return torch.where(keep.bool(), teacher - student, torch.zeros_like(student))


def divergence(student: Tensor, teacher: Tensor, kind: Divergence) -> Tensor:
    """Divergence of log-probabilities (..., V) along the last axis, in nats; the teacher is held constant.

    reverse_kl: KL(student || teacher), the paper's; forward_kl: KL(teacher || student); jensen_shannon: the mean of
    both against their middle.
    """
    teacher = teacher.detach()
    if kind == "reverse_kl":
        return (student.exp() * (student - teacher)).sum(-1)
    if kind == "forward_kl":
        return (teacher.exp() * (teacher - student)).sum(-1)
    middle = torch.logaddexp(student, teacher) - math.log(2.0)
    ahead = (student.exp() * (student - middle)).sum(-1)
    behind = (teacher.exp() * (teacher - middle)).sum(-1)
    return 0.5 * (ahead + behind)


def bucket_tail(student: Tensor, teacher: Tensor, top_k: int) -> tuple[Tensor, Tensor]:
    """The student's k likeliest tokens one by one and all others as a single bucket: (..., V) -> (..., k + 1)."""
    if top_k >= student.shape[-1]:
        return student, teacher
    index = student.detach().topk(top_k, dim=-1).indices
    return _bucket(student, index), _bucket(teacher, index)


def _bucket(log_p: Tensor, index: Tensor) -> Tensor:
    kept = log_p.gather(-1, index)
    rest = log_p.scatter(-1, index, NEVER).logsumexp(-1, keepdim=True)
    return torch.cat([kept, rest], dim=-1)


def combine(plain: Tensor, informed: Tensor | None, weight: float, bonus: Tensor) -> Tensor:
    """The teacher's log-probabilities from its two readings of the prompt and the directives' bonuses."""
    total = plain + bonus if informed is None else plain + weight * (informed - plain) + bonus
    return total.log_softmax(-1)


@dataclass(frozen=True)
class Comparison:
    """Student and teacher at every compared position of a batch of plans."""

    student: Tensor
    """(N, V) log-probabilities, with gradient if asked for."""
    teacher: Tensor
    """(N, V) log-probabilities."""
    row: Tensor
    """(N,) which plan."""


def compare(
    policy: Policy,
    menu: Menu,
    prefix: Prefix,
    plans: Sequence[WrittenPlan],
    teacher: Teacher,
    vocabulary: Vocabulary = "allowed",
    grad: bool = False,
    anchor: Anchor | None = None,
) -> Comparison:
    """Score plans by student and teacher. prefix: the student's prompt, with gradient when grad is asked for.

    With an anchor and the allowed vocabulary both are compared as they are used: as what moves the usual plan.
    """
    anchor = anchor if vocabulary == "allowed" else None
    scored = [up_to_last_choice(menu, plan) for plan in plans] if vocabulary == "allowed" else plans
    with nullcontext() if teacher.weights is None else policy.holding(teacher.weights):
        informed = (
            None if teacher.informed is None else policy.hidden(teacher.informed, scored, adapter=teacher.adapter)
        )
        # At weight 1 the plain reading cancels, so it need not be computed.
        plain = informed if teacher.prompt_weight == 1 and anchor is None else None
        if plain is None:
            plain = policy.hidden(teacher.plain, scored, adapter=teacher.adapter)
    own = policy.hidden(prefix, scored, grad=grad)
    table = branch_table(menu, plans, teacher.bonus, own if own.dtype == torch.float64 else own.float())
    if vocabulary == "allowed":
        at = (table.row, table.position)
        hide = torch.where(table.allowed, 0.0, NEVER).to(table.bonus.dtype)

        def score(states: Tensor) -> Tensor:
            return (policy.allowed_logits(states[at], menu) + hide).log_softmax(-1)

        told = None if informed is None else score(informed)
        if anchor is None:
            target = combine(score(plain), told, teacher.prompt_weight, table.bonus)
            return Comparison(score(own), target.detach(), table.row)
        base = score(policy.hidden(teacher.base_reading, scored, adapter=False) if teacher.adapter else plain)
        target = combine(score(plain), told, teacher.prompt_weight, torch.zeros_like(table.bonus))
        student, target = (
            torch.where(table.allowed, usual.to(hide) + anchor.sharpness * (scores - base), hide).log_softmax(-1)
            for scores, usual in (
                (score(own), _usual(menu, plans, anchor, None)),
                (target, _usual(menu, plans, anchor, teacher.bonus)),
            )
        )
        return Comparison(student, target.detach(), table.row)
    row, position, bonus = _everywhere(policy, menu, plans, teacher)

    def everything(states: Tensor) -> Tensor:
        return policy.all_logits(states[row, position]).log_softmax(-1)

    target = combine(
        everything(plain), None if informed is None else everything(informed), teacher.prompt_weight, bonus
    )
    return Comparison(everything(own), target.detach(), row)


def _usual(menu: Menu, plans: Sequence[WrittenPlan], anchor: Anchor, bonus: Sequence[float] | None) -> Tensor:
    # (N, A) what the usual plan, moved by a bonus, gives each choice, in the order of branch_table.
    column = {token: i for i, token in enumerate(menu_tokens(menu))}
    rows = []
    for plan in plans:
        for branch in menu.branches(plan.tokens):
            row = torch.zeros(len(column))
            row[[column[token] for token in branch.tokens]] = anchor.scores(
                dict(zip(branch.tokens, branch.leads_to, strict=True)), None, bonus
            )
            rows.append(row)
    return torch.stack(rows) if rows else torch.zeros(0, len(column))


def up_to_last_choice(menu: Menu, plan: WrittenPlan) -> WrittenPlan:
    """A plan without the forced tokens at its end: nothing is compared there, so they need not be run."""
    last = max((branch.position for branch in menu.branches(plan.tokens)), default=0)
    return WrittenPlan(plan.tokens[: last + 1], plan.chosen)


def distillation_loss(
    comparison: Comparison, plans: int, kind: Divergence = "reverse_kl", top_k: int | None = None
) -> Tensor:
    """Divergence summed over a plan's positions, averaged over plans: nats a plan."""
    student, teacher = comparison.student, comparison.teacher
    if top_k is not None:
        student, teacher = bucket_tail(student, teacher, top_k)
    return divergence(student, teacher, kind).sum() / plans


def _everywhere(
    policy: Policy, menu: Menu, plans: Sequence[WrittenPlan], teacher: Teacher
) -> tuple[Tensor, Tensor, Tensor]:
    # Every position of every plan, and the bonuses of its allowed tokens spread over the whole vocabulary.
    rows, positions, extra = [], [], []
    size = policy.base.head.weight.shape[0]
    dtype = torch.float64 if policy.base.head.weight.dtype == torch.float64 else torch.float32
    for row, plan in enumerate(plans):
        branches = {branch.position: branch for branch in menu.branches(plan.tokens)}
        for position in range(len(plan.tokens)):
            rows.append(row)
            positions.append(position)
            nats = torch.zeros(size, dtype=dtype)
            if branch := branches.get(position):
                nats[list(branch.tokens)] = torch.tensor(branch_bonus(branch.leads_to, teacher.bonus), dtype=dtype)
            extra.append(nats)
    device = policy.device
    return torch.tensor(rows, device=device), torch.tensor(positions, device=device), torch.stack(extra).to(device)
