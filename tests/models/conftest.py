"""A run folder with models in it, a server that misbehaves on demand, and no waiting."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nanoresearch.config import ModelsConfig
from nanoresearch.events import Event, EventFile, Events
from nanoresearch.paths import RunFolder
from nanoresearch.runlog import RunLog
from nanoresearch.schema.profile import Profile
from nanoresearch.schema.run import RunRecord

pytest.importorskip("pydantic_ai", reason="pip install 'nanoresearch[llm]'")

from pydantic_ai import models as pydantic_models

from nanoresearch.models.access import Models
from tests.models.server import FakeServer


class Run:
    """A run that can be sat with again and again."""

    def __init__(self, root: Path) -> None:
        self.folder = RunFolder(root)
        self.events: list[Event] = []
        self.waited: list[float] = []
        self._open: list[Models] = []
        record = RunRecord(
            id="r",
            topic="t",
            profile=Profile(name="default"),
            config={},
            seed=0,
            versions={},
            status="running",
            created="",
            updated="",
        )
        self.folder.save("run.json", record)

    async def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)

    def sit(self, config: ModelsConfig | None = None, scripts: Any = None, **settings: Any) -> Models:
        """Models as a new process would open them."""
        events = Events(self.events.append, EventFile(self.folder.path("events.jsonl")))
        self.log = RunLog(self.folder, events)
        settings.setdefault("sleep", self.sleep)
        if scripts is not None:
            config = config or ModelsConfig()
            models = Models.scripted_for(scripts, self.folder, events, self.log, config=config, **settings)
        else:
            assert config is not None
            models = Models(config, self.folder, events, self.log, **settings)
        self._open.append(models)
        self.log.phase = "ideation"
        return models

    def close(self, failure: BaseException | None = None) -> None:
        """End all sittings as a run does, with what ended it."""
        while self._open:
            self._open.pop().close(failure)

    def said(self, kind: str) -> list[str]:
        return [event.text for event in self.events if event.kind == kind]

    @property
    def entries(self) -> list[Path]:
        return sorted(self.folder.path("calls").glob("*.json"))

    @property
    def cost(self) -> Any:
        return RunLog(self.folder, Events()).record.phases["ideation"]


@pytest.fixture(autouse=True)
def _no_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test asks a model by accident, nor sees a key of the machine it runs on."""
    monkeypatch.setattr(pydantic_models, "ALLOW_MODEL_REQUESTS", False)
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY", "GEMINI_API_KEY", "LOCAL_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    made = Run(tmp_path / "run")
    yield made
    made.close()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    monkeypatch.setattr(pydantic_models, "ALLOW_MODEL_REQUESTS", True)
    made = FakeServer()
    yield made
    made.close()


@pytest.fixture
def config(server: FakeServer) -> ModelsConfig:
    """Every role at the server."""
    return ModelsConfig(default="local:tiny", base_url=server.url, timeout_s=20)
