"""Access to language models: which model plays which role, what was asked, what it cost, and what to do when it fails.

A crew writes agents with pydantic-ai and asks them through one small synchronous facade:

    from pydantic_ai import Agent, ModelRetry, RunContext
    from nanoresearch.models.access import Answer, Ask, Models
    from nanoresearch.models.prompts import lay_out

    agent = Agent(output_type=Draft, instructions=STABLE_TEXT, deps_type=Desk, retries=3)   # no model: the role has one

    answer = models.ask("ideator", agent, lay_out(constant=survey_text, changing=question), deps=desk)
    answer.output      # Draft, validated
    answer.messages    # pass as history= to go on with this conversation
    answer.tokens, answer.cost_usd, answer.calls, answer.replayed     # cost_usd is None when a price is unknown
    answer.model       # "openai:gpt-5", "local:qwen3", "scripted:demo.json"

    models.ask(role, agent, prompt, *, deps=None, history=(), max_tokens=None, temperature=None,
               requests=30) -> Answer[T]
    models.ask_all([Ask(role, agent, prompt, deps=...), ...], limit=None) -> list[Answer[T]]   # at once, in order
    models.model_of(role) -> str       # what plays a role
    models.scripted -> bool            # whether any role is played by a script: say so in the paper
    models.forecast(calls) -> Forecast # rough, from typical sizes; calls: {"writer": 12, ...}, or None for a usual run
    models.spent -> Spending           # calls, tokens, cost_usd, unpriced_calls of this run, earlier sittings included
    models.lost -> LostEstimate        # what calls lost with a kill may have cost: in the caps, and not in spent
    models.close()                     # Models is a context manager too

`role` is one of schema.models.ROLES. `prompt` is text or what `lay_out` returns. Everything raised is a
NanoResearchError: ModelError (says which provider and what to do) or BudgetExceeded (exit code 3; resume goes on
without paying twice). Tools and validators of agents work as in pydantic-ai; what they raise passes through.

Wiring: `assemble.language_crew`. The phase and step that a call belongs to are
those of the RunLog (`log.timed(phase)`, `log.step(name)`), so a role needs to know neither.

In tests: `Models.scripted_for({"ideator": [ToolCall("search", {"query": "x"}), Draft(...)]}, folder, events, log)`,
or the model string "scripted:FILE.json"; `models.script("ideator").asked` holds what was asked.

Replay. Every reply that was paid for is in `calls/`, under a hash of role, model, messages, settings, tools and output
schema, without times and generated ids. The step, and how many equal requests came before it in this step, are part of
the key: asking the same thing twice asks twice, and a resumed run hands out the same replies in the same order. Steps
that are finished are not asked again, so counting begins anew with each step. An ask that came to nothing (no valid
output, cut off, no end) is begun anew on resume if it ended the sitting (`models.close(failure)`); where a role went on
without it, the same replies come to nothing again. What a kill cut off is asked again and counted as lost.

What is where: routing.py (roles to models, no library needed), providers.py (model strings to pydantic-ai models),
journal.py, accounting.py, retry.py, request.py (one request through all of them), access.py (the facade), prompts.py,
scripted.py, check.py (is a model reachable). Nothing of this is imported by --help or by runs of the builtin crew, and
keys come from the environment alone and are written nowhere.
"""
