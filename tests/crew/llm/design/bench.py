"""A desk with scripted models, and a good draft of each kind of study to spoil."""

import json
from pathlib import Path
from typing import Any

from nanoresearch.config import Config
from nanoresearch.crew.llm.desk import Desk
from nanoresearch.crew.roles import Briefing
from nanoresearch.events import Event, Events
from nanoresearch.models.access import Models
from nanoresearch.paths import Home, RunFolder
from nanoresearch.runlog import RunLog
from nanoresearch.schema.idea import Hypothesis
from nanoresearch.schema.plan import Directive, Plan
from nanoresearch.schema.profile import Compute, Profile
from nanoresearch.schema.run import RunRecord

TOPIC = "Does averaging iterates help stochastic search on rugged landscapes?"
HYPOTHESIS = Hypothesis(
    id="h1",
    statement="Averaging the last iterates lowers the final regret of stochastic hill climbing on rugged landscapes.",
    rationale="Averages smooth out noise.",
    prediction="The final regret is lower with averaging.",
    study="own",
    components=("averaging",),
    datasets=("rugged-landscapes",),
)


class Bench:
    """A run that can be sat with again and again."""

    def __init__(self, root: Path) -> None:
        self.folder = RunFolder(root / "run")
        self.data_root = root / "data"
        self.events: list[Event] = []
        self.models: Models | None = None
        record = RunRecord(
            id="r",
            topic=TOPIC,
            profile=Profile(),
            config={},
            seed=0,
            versions={},
            status="running",
            created="",
            updated="",
        )
        self.folder.save("run.json", record)

    def desk(self, config: Config | None = None, **scripts: Any) -> Desk:
        """A desk as a new process would set it up, with replies by role."""
        events = Events(self.events.append)
        log = RunLog(self.folder, events)
        log.phase = "planning"
        self.close()
        self.models = Models.scripted_for(scripts, self.folder, events, log)
        return Desk(
            self.models, (), None, config or Config(crew="llm"), self.folder, events, None, Home(self.data_root.parent)
        )

    def close(self) -> None:
        if self.models:
            self.models.close()
        self.models = None

    def asked(self, role: Any) -> list[str]:
        """All that a role's script was told, request by request, corrections included."""
        assert self.models is not None
        return [
            item.text + "".join(str(part) for message in item.messages for part in message.parts)
            for item in self.models.script(role).asked
        ]

    def said(self, kind: str = "decision") -> str:
        return "\n".join(event.text for event in self.events if event.kind == kind)


def briefing(profile: Profile | None = None, **effects: Any) -> Briefing:
    """A briefing whose plan has these effects."""
    directives = (Directive(id="wish", phase="planning", text="As I say.", effect=effects),) if effects else ()
    plan = Plan(phase="planning", directives=directives, planner="fixed")
    return Briefing(TOPIC, profile or Profile(compute=Compute(minutes=30.0)), plan)


def own_draft(**changes: Any) -> dict[str, Any]:
    """A good draft of a study of its own, on data that its program makes."""
    draft = {
        "study": "own",
        "title": "What averaging adds to stochastic hill climbing",
        "claim": "Averaging the last iterates lowers the final regret of stochastic hill climbing.",
        "prediction": "The final regret is lower with averaging on every landscape; equal or higher would refute it.",
        "domain": "other",
        "made_data": [
            {
                "id": "rugged-landscapes",
                "name": "rugged landscapes",
                "summary": "Sums of random cosines in ten dimensions, drawn from the seed, with noisy evaluations.",
            }
        ],
        "reference": {
            "id": "random_search",
            "name": "random search",
            "description": "Draws points uniformly and keeps the best by its noisy value.",
        },
        "baseline": {
            "name": "hill climbing",
            "description": "Gaussian steps of adaptive width, kept when the noisy value improves, for 500 evaluations.",
        },
        "alternatives": [
            {
                "id": "annealing",
                "name": "simulated annealing",
                "description": "Metropolis acceptance with a geometric schedule, 500 evaluations.",
            }
        ],
        "components": [
            {
                "id": "averaging",
                "name": "iterate averaging",
                "description": "Returns the mean of the last fifty accepted points instead of the last one.",
            }
        ],
        "metrics": [
            {
                "id": "regret",
                "name": "final regret",
                "direction": "lower",
                "description": "True value at the returned point less the best known value.",
            }
        ],
        "protocol": {
            "id": "fresh_problems",
            "description": "Each seed draws new landscapes; all methods get the same ones.",
            "seed_changes": "made_data",
            "test_fraction": 0.5,
        },
        "tuning": "No settings are tuned; all methods use the defaults named in their descriptions.",
        "cost": {"seconds_per_fit": 2.0, "memory_gb": 0.5, "because": "500 cheap evaluations on 20 landscapes"},
    }
    return json.loads(json.dumps(draft | changes))


def kit_draft(**changes: Any) -> dict[str, Any]:
    """A good draft of a study of a kit, with a component that the kit does not have."""
    draft = {
        "study": "tabular_classification",
        "title": "What class means as features add to logistic regression",
        "claim": "Distances to class means as features raise the balanced accuracy of logistic regression.",
        "prediction": "Balanced accuracy is higher with the distances on both tables; equal or lower would refute it.",
        "datasets": ["wine", "breast-cancer"],
        "components": [
            {
                "id": "class_mean_distances",
                "name": "class-mean distances",
                "description": "Appends the Euclidean distance to the mean of each class of the training part.",
            },
            {"id": "quantiles", "name": "quantile transform", "description": "The kit's own."},
        ],
        "metrics": [{"id": "balanced_accuracy"}, {"id": "log_loss"}],
        "protocol": {"id": "holdout"},
        "tuning": "No settings are tuned; all methods keep the defaults of the kit.",
        "cost": {"seconds_per_fit": 0.2, "memory_gb": 0.5, "because": "a few hundred rows"},
    }
    return json.loads(json.dumps(draft | changes))
