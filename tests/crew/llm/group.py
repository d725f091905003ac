"""A whole research group as a script: replies by role and question, for a study of gradient descent.

No language model: the replies are fixed but for the keys and names that they must take from what they are shown.
"""

import re
from pathlib import Path
from typing import Any

from pydantic_ai.messages import ModelMessage, ModelResponse, ToolReturnPart
from pydantic_ai.models.function import AgentInfo

from nanoresearch.models.scripted import Asked, Replies, Reply, ToolCall
from nanoresearch.schema.models import ModelRole

TOPIC = "Does restarting the momentum help gradient descent on ill-conditioned least-squares problems?"
PROGRAM = {path.name: path.read_text(encoding="utf-8") for path in Path(__file__).with_name("study").glob("*.py")}

QUERIES = {
    "problem": "convergence of gradient descent on ill-conditioned problems",
    "methods": "adaptive restart of accelerated gradient methods",
    "metrics": "suboptimality gap after fixed number of iterations",
    "competing": "random search for optimisation",
}
CANDIDATES = (
    {
        "statement": "Restarting Nesterov momentum when it points uphill brings gradient descent closer to the minimum "
        "of ill-conditioned least squares",
        "rationale": "Momentum overshoots along the steep directions; a restart forgets what was overshot.",
        "prediction": "The log gap of momentum with restarts is below that of plain descent, and not otherwise.",
        "components": [
            {"name": "momentum", "what": "Nesterov momentum with growing weight, which speeds up flat directions."},
            {"name": "restart", "what": "Sets the momentum back when it points uphill, which stops overshooting."},
        ],
        "datasets": ["generated"],
        "distinctive_terms": ["adaptive restart", "ill-conditioned least squares"],
    },
    {
        "statement": "Momentum alone brings gradient descent closer to the minimum of noisy least-squares problems",
        "rationale": "Flat directions dominate the gap that is left after many steps.",
        "prediction": "The log gap with momentum is below that of plain descent on every family of problems.",
        "components": [{"name": "heavy ball", "what": "A classical momentum term, which speeds up flat directions."}],
        "datasets": ["generated"],
        "distinctive_terms": ["heavy ball momentum", "noisy least squares"],
    },
)
DRAFT = {
    "study": "own",
    "title": "Restarted momentum on ill-conditioned least squares",
    "claim": "Nesterov momentum with restarts reaches a smaller gap than plain gradient descent on least squares.",
    "prediction": "The log gap of the proposal is below that of the baseline on both families; a gap that is equal or "
    "larger refutes it.",
    "made_data": [
        {
            "id": "gaussian",
            "name": "mildly stretched problems",
            "summary": "Least squares with a random matrix of forty rows and twenty columns whose singular values lie "
            "within one decade; a method starts at a random point and is to come near the minimum.",
        },
        {
            "id": "stretched",
            "name": "strongly stretched problems",
            "summary": "The same with singular values over three decades; a method starts at a random point and is to "
            "come near the minimum.",
        },
    ],
    "reference": {
        "id": "random_search",
        "name": "random search",
        "description": "Gaussian steps of fixed length from the start, each kept when it lowers the value.",
    },
    "baseline": {
        "name": "gradient descent",
        "description": "Plain gradient descent with the step length one over the largest curvature, two hundred steps.",
    },
    "alternatives": [
        {
            "id": "coordinate_descent",
            "name": "coordinate descent",
            "description": "Minimises the value exactly along one coordinate after the other, two hundred steps.",
        }
    ],
    "components": [
        {"id": "momentum", "name": "momentum", "description": "Nesterov's momentum with weight (k - 1)/(k + 2)."},
        {
            "id": "restart",
            "name": "restarts",
            "description": "Sets the age of the momentum back to one when the gradient points along the last step.",
        },
    ],
    "metrics": [
        {
            "id": "log_gap",
            "name": "log gap",
            "direction": "lower",
            "description": "Decimal logarithm of the gap to the minimum after the last step, not below rounding error.",
        },
        {
            "id": "steps_to_half",
            "name": "steps to half the gap",
            "direction": "lower",
            "description": "Steps until half of the first gap is left.",
        },
    ],
    "protocol": {
        "id": "fresh_problems",
        "description": "Every seed makes a problem and a start of its own; the minimum is hidden from methods.",
        "test_fraction": 0.5,
        "seed_changes": "made_data",
    },
    "tuning": "No method has a setting that is tuned: all take the step length that theory gives.",
    "measures": ["fit_seconds"],
    "cost": {
        "seconds_per_fit": 0.2,
        "memory_gb": 0.5,
        "because": "Two hundred steps with a matrix of forty by twenty take milliseconds.",
    },
}
PLAN = {
    "approach": "A fitted method keeps its problem; a prediction is the course of the values from the start.",
    "files": [
        {"name": "data.py", "purpose": "Problems made from the seed.", "offers": ["LOADERS", "split"]},
        {"name": "evaluate.py", "purpose": "Gap and steps.", "offers": ["METRICS", "slices"]},
        {"name": "models.py", "purpose": "Descent, its components, random search.", "offers": ["fit", "predict"]},
    ],
}


def group(program: dict[str, str] = PROGRAM) -> dict[ModelRole, Replies]:
    """Scripts of all roles. `program` holds the files that the coder writes."""
    return {
        "surveyor": surveyor,
        "ideator": ideator,
        "designer": lambda messages, info: DRAFT,
        "critic": lambda messages, info: {"objections": []},
        "coder": lambda messages, info: _code(messages, info, program),
        "debugger": lambda messages, info: {"cure": False},
        "analyst": analyst,
        "writer": writer,
        "reviewer": reviewer,
        "reflector": reflector,
    }


def _fields(info: AgentInfo) -> set[str]:
    """Fields of the output that is asked for; empty for text."""
    if not info.output_tools:
        return set()
    return set(info.output_tools[0].parameters_json_schema.get("properties", ()))


def _sources(text: str) -> list[str]:
    return list(dict.fromkeys(re.findall(r'<material kind="work[^"]*" source="([^"]+)"', text)))


def surveyor(messages: list[ModelMessage], info: AgentInfo) -> Reply:
    """Queries, relevance of every work shown, gaps seen from the first, no scores, novelty as the program sees it."""
    fields, text = _fields(info), Asked(messages, info).text
    keys = _sources(text)
    if "queries" in fields:
        return {"queries": [{"aim": aim, "words": words} for aim, words in QUERIES.items()]}
    if "works" in fields:
        return {"works": [{"key": key, "relevance": 2 - position % 2} for position, key in enumerate(keys)]}
    if "gaps" in fields:
        gap = "These works do not compare restarts with plain momentum at equal numbers of steps."
        return {"gaps": [{"text": gap, "papers": keys[:1]}]}
    if "scores" in fields:
        return {"scores": []}
    return {"verdict": "novel", "closest": [], "reason": "None of the listed works compares these at equal steps."}


def ideator(messages: list[ModelMessage], info: AgentInfo) -> Reply:
    """One search, every candidate, then the final result; or a verdict on novelty."""
    if "verdict" in _fields(info):
        return surveyor(messages, info)
    called = [
        part.tool_name
        for message in messages
        if isinstance(message, ModelResponse)
        for part in message.tool_calls
    ]  # fmt: skip
    if not called:
        return ToolCall("search", {"query": "adaptive restart accelerated gradient"})
    proposed = called.count("propose")
    if proposed < len(CANDIDATES):
        works = _sources(Asked(messages, info).text)
        return ToolCall("propose", {**CANDIDATES[proposed], "based_on": works[:1]})
    returned = [
        str(part.content)
        for message in messages
        for part in message.parts
        if isinstance(part, ToolReturnPart) and part.tool_name == "propose"
    ]
    ids = [match[1] for text in returned if (match := re.search(r"Accepted as (\w+)", text))]
    return {"ideas": [{"id": name, "score": 9 - position} for position, name in enumerate(ids)]}


def _code(messages: list[ModelMessage], info: AgentInfo, program: dict[str, str]) -> Reply:
    if "files" in _fields(info):
        return PLAN
    wanted = re.findall(r"Now write (\w+\.py)\.", Asked(messages, info).text)
    return f"```python\n{program[wanted[-1]]}```\n"


def analyst(messages: list[ModelMessage], info: AgentInfo) -> Reply:
    """Nothing beyond what the program computes."""
    return _least(info)


def writer(messages: list[ModelMessage], info: AgentInfo) -> Reply:
    """Careful sentences without a result, a citation where works are listed."""
    if _fields(info):
        return {
            "title": "Restarted momentum on ill-conditioned least squares",
            "keywords": ["optimisation", "momentum"],
        }
    return (
        "This section is about gradient descent with momentum that is restarted when it points uphill. "
        "What was compared, and on which problems, was fixed before the first run. "
        "The tables give every value with its interval, and the text below says how to read them. "
        "Methods differ only in the parts that are named, so that each part can be judged by itself. "
        "No other difference between the methods was allowed, and all of them took the same number of steps."
    )


def reviewer(messages: list[ModelMessage], info: AgentInfo) -> Reply:
    """A contented reviewer."""
    return _least(info)


def reflector(messages: list[ModelMessage], info: AgentInfo) -> Reply:
    """No lessons."""
    return _least(info)


def _least(info: AgentInfo) -> dict[str, Any]:
    """The least value of the output that is asked for: full marks for scores, empty lists, plain words."""
    if not info.output_tools:
        return {}
    schema = info.output_tools[0].parameters_json_schema
    return {name: _value(schema["properties"][name]) for name in schema.get("required", ())}


def _value(schema: dict[str, Any]) -> Any:
    kinds: dict[str, Any] = {"array": [], "number": 9, "integer": 9, "boolean": False, "object": {}}
    return kinds.get(schema.get("type", ""), "Nothing is to be added here.")
