"""A user's adapter versions on disk. A version is there whole or not at all; the current one always stays usable.

    planners/NAME/versions/0003/update.json           every update, accepted or not (UpdateRecord)
    planners/NAME/versions/0003/PHASE.safetensors     the adapters of phases in which the update was accepted
    planners/NAME/current.json                        which version is used (CurrentVersion)
    planners/NAME/.lock                               held while an update runs

Imports torch only when weights are read or written.
"""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from nanoresearch.paths import read_record, write_atomic
from nanoresearch.planner.problems import AdapterUnusable, PlannerBusy, PlannerError
from nanoresearch.planner.replay import learned, lineage
from nanoresearch.schema.learning import CurrentVersion, UpdateRecord
from nanoresearch.schema.plan import Phase

if TYPE_CHECKING:
    from torch import Tensor

    Weights = dict[str, Tensor]

UPDATE = "update.json"


class AdapterStore:
    """The versions of one user."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @contextmanager
    def lock(self) -> Iterator[None]:
        """A context in which no other process updates this planner. Raises PlannerBusy at once when one does."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.root / ".lock", timeout=0)
            lock.acquire()
        except Timeout as error:
            raise PlannerBusy(
                f"The planner in {self.root} is learning in another process. Wait for it, then give the feedback again."
            ) from error
        except OSError as error:
            raise PlannerError(f"{self.root} cannot be written: {error.strerror or error}.") from error
        try:
            yield
        finally:
            lock.release()

    def current(self, fingerprint: str) -> int:
        """The version in use, 0 for none. Raises AdapterUnusable when the adapters belong to another base model."""
        current = self.in_use()
        if current.version and current.model_sha256 != fingerprint:
            raise AdapterUnusable(
                f"The adapters in {self.root} were learned on another base model, so they mean nothing on this one. "
                "Set planner.model back, or start afresh with `nanoresearch planner rollback 0`."
            )
        return current.version

    def in_use(self) -> CurrentVersion:
        """The version in use and the base model that it belongs to, whichever that is."""
        path = self.root / "current.json"
        return read_record(path, CurrentVersion) if path.exists() else CurrentVersion(version=0, model_sha256="")

    def history(self) -> list[UpdateRecord]:
        """Every update, oldest first."""
        folder = self.root / "versions"
        paths = sorted(folder.glob(f"[0-9]*/{UPDATE}")) if folder.is_dir() else []
        return [read_record(path, UpdateRecord) for path in paths]

    def next_version(self) -> int:
        """A number that no update has had."""
        return max((record.version for record in self.history()), default=0) + 1

    def save(self, record: UpdateRecord, weights: "Mapping[Phase, Weights]") -> None:
        """Keep an update; with weights it becomes the current version. Raises PlannerError when the disk is full."""
        folder = self.root / "versions" / f"{record.version:04d}"
        partial: Path | None = None
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            partial = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".partial-"))
            for phase, values in weights.items():
                self._write_weights(partial / f"{phase}.safetensors", values, record)
            write_atomic(partial / UPDATE, record.model_dump_json(indent=1) + "\n")
            partial.replace(folder)
            if weights:
                self._point_to(record.version, record.model_sha256)
        except OSError as error:
            raise PlannerError(
                f"The planner's new version cannot be kept in {self.root}: {error.strerror or error}. "
                "The version in use is unchanged. Free space or fix permissions, then give the feedback again."
            ) from error
        finally:
            if partial is not None:
                shutil.rmtree(partial, ignore_errors=True)

    def load(self, version: int) -> "dict[Phase, Weights]":
        """The adapters of a version, each from the update that made it.

        Raises AdapterUnusable when they are missing or damaged.
        """
        history = self.history()
        made = {phase: records[-1].version for phase, records in learned(history, version).items()}
        broken = any(record.parent for record in lineage(history, version)[:1])  # an update between was lost
        if version and (broken or not made):
            raise AdapterUnusable(
                f"Version {version} of the planner in {self.root} cannot be put together: updates that it builds on "
                "are missing, damaged or made by another release. Choose another with `nanoresearch planner rollback`, "
                "or start afresh with `nanoresearch planner rollback 0`."
            )
        return {phase: self._read_weights(phase, by) for phase, by in made.items()}

    def rollback(self, version: int, fingerprint: str) -> None:
        """Use an earlier accepted version again; 0 is the base without an adapter. Raises PlannerError."""
        accepted = [record.version for record in self.history() if record.accepted]
        if version and version not in accepted:
            known = ", ".join(map(str, [0, *accepted]))
            raise PlannerError(f"There is no accepted version {version}. Known: {known}.")
        if version:
            self.load(version)
        self._point_to(version, fingerprint)

    def _read_weights(self, phase: Phase, version: int) -> "Weights":
        from safetensors.torch import load_file

        path = self.root / "versions" / f"{version:04d}" / f"{phase}.safetensors"
        try:
            return load_file(path)
        except Exception as error:  # a damaged file makes the reader raise errors of many kinds
            raise AdapterUnusable(
                f"Version {version} of the planner cannot be read from {path}: {str(error).splitlines()[0]}. "
                "Choose another with `nanoresearch planner rollback`."
            ) from error

    def _write_weights(self, path: Path, weights: "Weights", record: UpdateRecord) -> None:
        from safetensors.torch import save

        plain = {name: value.detach().cpu().contiguous() for name, value in weights.items()}
        path.write_bytes(save(plain, metadata={"base": record.model_sha256, "version": str(record.version)}))

    def _point_to(self, version: int, fingerprint: str) -> None:
        record = CurrentVersion(version=version, model_sha256=fingerprint)
        write_atomic(self.root / "current.json", record.model_dump_json(indent=1) + "\n")
