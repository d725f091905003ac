"""Working alone on a part of the home's cache, which several runs share."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from nanoresearch.errors import ExecutionError


@contextmanager
def alone(cache: Path, name: str, timeout_s: float, what: str) -> Iterator[None]:
    """A context in which no other process makes the part of that name; `what` it is goes into errors.

    Raises ExecutionError when another one holds it for too long, or when inside it the disk refuses something.
    """
    lock = cache / ".locks" / f"{name}.lock"
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(lock, timeout=timeout_s):
            yield
    except Timeout as error:
        raise ExecutionError(
            f"Another process has been making {what} for {timeout_s:g} s (it holds {lock})."
        ) from error
    except (OSError, shutil.Error) as error:
        raise ExecutionError(f"{what[:1].upper()}{what[1:]} cannot be made in {cache}: {error}.") from error
