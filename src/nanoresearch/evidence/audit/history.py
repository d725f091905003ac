"""The commits of a codebase, read from its repository without running anything that the repository names.

Hooks, filters and replaced objects are not honoured: what is read is what the commit's hash vouches for.
"""

import io
import os
import shutil
import subprocess
from collections.abc import Set
from functools import cached_property
from pathlib import Path

from nanoresearch.errors import ExecutionError
from nanoresearch.execution.upstream import is_upstream


class History:
    """All commits up to the last one, oldest first."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self._files: dict[str, dict[str, bytes]] = {}
        self._blobs: dict[str, bytes] = {}

    @cached_property
    def commits(self) -> tuple[str, ...]:
        """Hashes, oldest first. Raises ExecutionError when there are none."""
        return tuple(self._git("rev-list", "--reverse", "--topo-order", "HEAD").decode().split())

    @cached_property
    def is_line(self) -> bool:
        """Whether every commit has one parent, except the first."""
        rows = self._git("rev-list", "--reverse", "--topo-order", "--parents", "HEAD").decode().splitlines()
        return [row.split()[1:] for row in rows] == [[], *([commit] for commit in self.commits[:-1])]

    def files(self, commit: str) -> dict[str, bytes]:
        """Content of every file of a commit, by path. Raises ExecutionError when there is no such commit."""
        if commit not in self._files:
            listing = self._git("ls-tree", "-r", "-z", "--full-tree", commit, "--").decode()
            entries = [entry.split("\t", 1) for entry in listing.split("\0")[:-1]]
            blobs = {name: facts.split()[2] for facts, name in entries}
            self._read({blob for blob in blobs.values() if blob not in self._blobs})
            self._files[commit] = {name: self._blobs[blob] for name, blob in blobs.items()}
        return self._files[commit]

    def _read(self, blobs: Set[str]) -> None:
        """Read contents; most are the same in many commits."""
        wanted = sorted(blobs)
        stream = io.BytesIO(self._git("cat-file", "--batch", given="".join(f"{blob}\n" for blob in wanted).encode()))
        for blob in wanted:
            facts = stream.readline().split()
            if facts[1:2] != [b"blob"]:
                raise ExecutionError(f"{self.root} has no file {blob[:12]}, which a commit names.")
            self._blobs[blob] = stream.read(int(facts[2]) + 1)[:-1]

    def sources(self, commit: str) -> dict[str, str]:
        """The program's files in a commit that are text: no code of others."""
        texts = {}
        for name, data in self.files(commit).items():
            if is_upstream(name):
                continue
            try:
                texts[name] = data.decode("utf-8")
            except UnicodeDecodeError:
                continue
        return texts

    def makers(self, commit: str) -> tuple[str, str]:
        """Author and committer of a commit, each as "name <address>"."""
        header = self._git("cat-file", "commit", commit).decode("utf-8", errors="replace").partition("\n\n")[0]
        rows = dict(row.partition(" ")[::2] for row in reversed(header.splitlines()))
        author, committer = (rows.get(role, "").rpartition(">")[0] + ">" for role in ("author", "committer"))
        return author, committer

    def damage(self) -> str:
        """What git's own check of the objects says, or nothing."""
        try:
            self._git("fsck", "--strict", "--no-dangling", "--no-progress")
        except ExecutionError as error:
            return str(error)
        return ""

    def _git(self, *arguments: str, given: bytes = b"") -> bytes:
        program = shutil.which("git")
        if program is None:
            raise ExecutionError("git is not installed, and the code of a run is kept in a git repository.")
        if not (self.root / ".git").is_dir():
            raise ExecutionError(f"{self.root} is not a git repository.")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        environment |= {
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_GRAFT_FILE": os.devnull,
            "GIT_OPTIONAL_LOCKS": "0",
            "LC_ALL": "C",
        }
        where = [f"--git-dir={self.root / '.git'}", "-c", "safe.directory=*", "-c", f"core.hooksPath={os.devnull}"]
        result = subprocess.run(
            [program, *where, *arguments],
            cwd=self.root,
            env=environment,
            input=given,
            capture_output=True,
            check=False,
        )
        if result.returncode:
            complaint = result.stderr.decode(errors="replace").strip() or f"status {result.returncode}"
            raise ExecutionError(f"git {arguments[0]} failed: {complaint.splitlines()[0]}")
        return result.stdout
