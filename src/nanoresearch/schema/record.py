"""The base of every record: frozen, closed to unknown fields, with field docstrings as descriptions.

Holds no behaviour beyond canonical JSON and its hash.
"""

import hashlib
import json

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """An immutable value that is written to a run folder as JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    def canonical_json(self) -> str:
        """JSON with sorted keys and no spaces: equal records give equal text."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    def digest(self) -> str:
        """SHA-256 of the canonical JSON, in hex."""
        return hashlib.sha256(self.canonical_json().encode()).hexdigest()
