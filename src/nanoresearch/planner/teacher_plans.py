"""Plans by the teacher itself, where it mixes two readings of the prompt: what the feedback would give, to be measured.

Training never samples from the teacher; it scores the student's plans (sdpo.py).
"""

import torch
from torch import Tensor

from nanoresearch.planner.branches import Prefix
from nanoresearch.planner.choices import Menu, Options, Progress, branch_bonus
from nanoresearch.planner.policy import Policy, WrittenPlan, menu_tokens
from nanoresearch.planner.sdpo import Teacher, combine


@torch.no_grad()
def sample_teacher(
    policy: Policy, menu: Menu, teacher: Teacher, count: int, generator: torch.Generator, temperature: float = 1.0
) -> list[WrittenPlan]:
    """Plans from the distribution that `combine` defines. The caller puts the teacher's weights in place.

    One reading: the policy samples. Two: every choice is scored after both, the plan so far read anew each time.
    """
    informed, weight = teacher.informed, teacher.prompt_weight
    if informed is None or weight in (0, 1):
        prefix = teacher.plain if informed is None or weight == 0 else informed
        return policy.sample(
            prefix,
            menu,
            count,
            generator,
            adapter=teacher.adapter,
            temperature=temperature,
            bonus=teacher.bonus,
        )
    column = {token: i for i, token in enumerate(menu_tokens(menu))}
    states, plans = [Progress()] * count, [[] for _ in range(count)]  # type: list[Progress], list[list[int]]
    while True:
        choices: list[Options] = []
        for i in range(count):
            forced, states[i], options = menu.force(states[i])
            plans[i] += forced
            choices.append(options)
        open_rows = [i for i, options in enumerate(choices) if options]
        if not open_rows:
            return [WrittenPlan(tuple(plan), state.chosen) for plan, state in zip(plans, states, strict=True)]
        readings = [_next(policy, menu, p, [plans[i] for i in open_rows], teacher) for p in (teacher.plain, informed)]
        for row, i in enumerate(open_rows):
            tokens = list(choices[i])
            at = [column[token] for token in tokens]
            plain, told = (reading[row, at].log_softmax(-1) for reading in readings)
            bonus = plain.new_tensor(branch_bonus(list(choices[i].values()), teacher.bonus))
            chances = (combine(plain, told, weight, bonus) / temperature).softmax(-1).double().cpu()
            taken = tokens[int(torch.multinomial(chances, 1, generator=generator))]
            states[i] = menu.advance(states[i], taken)
            plans[i].append(taken)


def _next(policy: Policy, menu: Menu, prefix: Prefix, begun: list[list[int]], teacher: Teacher) -> Tensor:
    """Logits of the menu's tokens after plans that have been begun: (plans, A)."""
    partial = [WrittenPlan((*plan, 0), ()) for plan in begun]  # the last token is what is to be predicted
    hidden = policy.hidden(prefix, partial, adapter=teacher.adapter)
    ends = torch.tensor([len(plan) for plan in begun], device=hidden.device)
    return policy.allowed_logits(hidden[torch.arange(len(begun), device=hidden.device), ends], menu)
