"""Which model plays which role, and where its key is. Needs no model library: this is what `models list` shows."""

import ipaddress
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from nanoresearch.config import ModelsConfig
from nanoresearch.errors import ModelError
from nanoresearch.schema.models import ROLES, ModelRole

ALIASES = {"google-gla": "google", "gemini": "google"}
"""Older names of providers."""
KEY_NAMES: dict[str, tuple[str, ...]] = {
    "openai": ("OPENAI_API_KEY",),
    "openai-chat": ("OPENAI_API_KEY",),
    "openai-responses": ("OPENAI_API_KEY",),
    "anthropic": ("ANTHROPIC_API_KEY",),
    "google": ("GOOGLE_API_KEY", "GEMINI_API_KEY"),
    "deepseek": ("DEEPSEEK_API_KEY",),
    "groq": ("GROQ_API_KEY",),
    "mistral": ("MISTRAL_API_KEY",),
    "openrouter": ("OPENROUTER_API_KEY",),
    "together": ("TOGETHER_API_KEY",),
    "fireworks": ("FIREWORKS_API_KEY",),
    "xai": ("XAI_API_KEY",),
}
"""Environment variables with the key of each provider; any one of them will do."""
SECRET_WORDS = ("KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL")
SHORTEST_SECRET = 8
"""Shorter values are placeholders such as "none"; blotting them out would garble ordinary words."""
HIDDEN = "[hidden]"


@dataclass(frozen=True)
class Route:
    """The model of a role and how it is asked."""

    role: ModelRole
    model: str
    """Model string as configured."""
    provider: str
    name: str
    base_url: str | None
    """Address of the server of a local model."""
    key_names: tuple[str, ...]
    """Environment variables that may hold the key; empty when none is needed."""
    key_needed: bool
    max_tokens: int
    temperature: float | None

    @property
    def scripted(self) -> bool:
        """Whether a script replies, and no language model."""
        return self.provider == "scripted"

    @property
    def on_this_machine(self) -> bool:
        """Whether the server of a local model runs here."""
        host = urlsplit(self.base_url or "").hostname or ""
        if host == "localhost":
            return True
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:  # a name
            return False

    def key(self, environment: Mapping[str, str] = os.environ) -> str | None:
        """The key. Use it and forget it."""
        return next((environment[name] for name in self.key_names if environment.get(name)), None)

    def key_state(self, environment: Mapping[str, str] = os.environ) -> str:
        """Whether the key is there, in words, without any part of it."""
        found = next((name for name in self.key_names if environment.get(name)), None)
        if found:
            return f"key in {found}"
        if self.key_needed and self.provider not in KEY_NAMES:
            return f"no key in {self.key_names[0]}"
        if self.key_needed:
            return f"key missing: set {' or '.join(self.key_names)}"
        return "no key needed" if self.scripted else f"no key (set {self.key_names[0]} if it wants one)"


def route(config: ModelsConfig, role: ModelRole) -> Route:
    """The route of a role. Raises ModelError when nothing is configured for it, saying what to set."""
    own = config.roles.get(role)
    model = (own and own.model) or config.default
    if model is None:
        raise ModelError(
            f"No language model is configured for the role {role}. Set models.default (or models.roles.{role}) in "
            'config.toml, such as default = "openai:gpt-5", or "local:NAME" with models.base_url.'
        )
    provider, _, name = model.partition(":")
    provider = ALIASES.get(provider, provider)
    base_url = ((own and own.base_url) or config.base_url) if provider == "local" else None
    if provider == "local":
        if base_url is None:
            raise ModelError(
                f"{model} (role {role}) needs the address of its server: set models.base_url, such as "
                '"http://127.0.0.1:8000/v1" (vLLM; llama.cpp :8080, Ollama :11434, LM Studio :1234).'
            )
        key_names: tuple[str, ...] = ((own and own.key_env) or config.key_env,)
    elif provider == "scripted":
        key_names = ()
    else:
        key_names = KEY_NAMES.get(provider, (f"{provider.upper().replace('-', '_')}_API_KEY",))
    return Route(
        role=role,
        model=model,
        provider=provider,
        name=name,
        base_url=base_url,
        key_names=key_names,
        key_needed=provider not in ("local", "scripted"),
        max_tokens=(own and own.max_tokens) or config.max_tokens,
        temperature=own.temperature if own and own.temperature is not None else config.temperature,
    )


def routes(config: ModelsConfig) -> dict[ModelRole, Route | ModelError]:
    """The route of each role, or what is missing."""
    found: dict[ModelRole, Route | ModelError] = {}
    for role in ROLES:
        try:
            found[role] = route(config, role)
        except ModelError as error:
            found[role] = error
    return found


def secrets(extra: Iterable[str] = (), environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Values in the environment that look like keys by their variable's name, longest first."""
    named = set(extra) | {name for names in KEY_NAMES.values() for name in names}
    found = {
        value.strip()
        for name, value in environment.items()
        if name in named or any(word in name.upper() for word in SECRET_WORDS)
    }
    return tuple(sorted((value for value in found if len(value) >= SHORTEST_SECRET), key=len, reverse=True))


def hide(text: str, hidden: Iterable[str]) -> str:
    """The text without these values, wherever a server or an experiment may have echoed them."""
    for value in hidden:
        text = text.replace(value, HIDDEN)
    return text
