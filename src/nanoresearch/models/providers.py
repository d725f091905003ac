"""From a route to a model that can be asked. Makes clients; sends nothing."""

from pathlib import Path
from typing import Any

from pydantic_ai.exceptions import UserError
from pydantic_ai.models import Model, infer_model
from pydantic_ai.profiles.openai import OpenAIModelProfile

from nanoresearch.errors import ModelError
from nanoresearch.models.routing import KEY_NAMES, Route
from nanoresearch.models.scripted import ScriptedModel, read_script

INSTALL = "pip install 'nanoresearch[llm]'"


def build_model(route: Route, *, replies_given: int = 0) -> Model:
    """The model of a route. Raises ModelError when its key, library or script is missing, or nobody knows it."""
    if route.scripted:
        replies = read_script(Path(route.name)).get(route.role, [])
        return ScriptedModel(route.role, replies, name=route.model, start=replies_given)
    if route.key_needed and route.provider in KEY_NAMES and route.key() is None:
        raise ModelError(
            f"{route.model} (role {route.role}) needs a key: set the environment variable "
            f"{' or '.join(route.key_names)}. Keys are read from there alone and written nowhere."
        )
    problem = ""
    try:
        return _local(route) if route.provider == "local" else infer_model(f"{route.provider}:{route.name}")
    except ImportError as error:
        problem = f"{route.model} needs a library that is not installed: {INSTALL}. ({str(error).splitlines()[0]})"
    except UserError as error:  # an unknown provider, say, with what was perhaps meant
        problem = f"{route.model} (role {route.role}) cannot be used: {error.message}"
    raise ModelError(problem)


def _local(route: Route) -> Model:
    """An OpenAI-compatible server. OPENAI_API_KEY is never sent to it."""
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

    assert route.base_url is not None
    profile: Any = OpenAIModelProfile(
        openai_chat_supports_max_completion_tokens=False,  # the older name is the one that all servers know
        openai_chat_supports_multiple_system_messages=False,  # many chat templates take one
    )
    provider = OpenAICompatibleProvider("local", base_url=route.base_url, api_key=route.key(), profile=profile)
    return OpenAIChatModel(route.name, provider=provider)
