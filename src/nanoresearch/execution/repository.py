"""The codebase of a run: a git repository that only this module changes, one commit for each version.

Uses git without the user's configuration, hooks or signatures. Patches cannot touch what judges the experiment.
"""

import ast
import contextlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from nanoresearch.errors import ExecutionError
from nanoresearch.paths import walk_all, write_atomic
from nanoresearch.schema.experiment import Patch
from nanoresearch.schema.setup import PinnedRepository

PROTECTED = ("harness.py", "evaluate.py", "config.json", "exchange.py")
"""Files that no patch may change: what reports, scores and hands over, and what the frozen blueprint says."""

GUARDED = {"data.py": "split"}
"""Functions that no patch may change, with everything of their module that they use."""

UPSTREAM = "upstream"
"""Folder of the code of others that a program is built on (upstream.py)."""

IDENTITY = {
    f"GIT_{role}_{field}": value
    for role in ("AUTHOR", "COMMITTER")
    for field, value in (("NAME", "NanoResearch"), ("EMAIL", "nanoresearch@localhost"))
}
SETTINGS = {
    "core.hooksPath": os.devnull,
    "core.autocrlf": "false",
    "core.fsmonitor": "false",
    "commit.gpgSign": "false",
    "gc.auto": "0",
    "init.defaultBranch": "main",
}


class PatchRefused(ExecutionError):
    """A patch would change what it must not; the message says what."""


class Codebase:
    """The repository at one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    @classmethod
    def create(
        cls,
        root: Path,
        files: Mapping[str, str],
        message: str = "First version",
        base: PinnedRepository | None = None,
    ) -> "Codebase":
        """Make the repository with one commit, or after one with code of others, whole or not at all.

        Raises ExecutionError when there is one already, git is missing, or a path is not acceptable.
        """
        if root.exists():
            raise ExecutionError(f"{root} exists already. Delete it to write the code anew.")
        for name in files:
            check_path(name)
        root.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=root.parent, prefix=".code.") as folder:
            draft = cls(Path(folder) / "code")
            draft.root.mkdir()
            draft._git("init", "--quiet", "--template=")
            if base is not None:
                draft._take_over(base)
            draft._write(files)
            draft._commit(files, message)
            draft.root.replace(root)
        return cls(root)

    def head(self) -> str:
        """Commit that is checked out."""
        return self._git("rev-parse", "--verify", "HEAD").decode().strip()

    def is_clean(self) -> bool:
        """Whether the files of the last commit are as committed. Other files do not count: they are never run."""
        return not self._git("status", "--porcelain", "--untracked-files=no")

    def restore(self) -> None:
        """Drop changes that are not committed, such as a part of a patch that was cut off."""
        self._git("reset", "--quiet", "--hard", "HEAD")

    def files(self) -> dict[str, str]:
        """Content of the program's files in the last commit, by path: text alone, and no code of others."""
        entries = [entry.split("\t", 1) for entry in self._git("ls-tree", "-r", "-z", "HEAD").decode().split("\0")[:-1]]
        wanted = {name: facts.split()[2] for facts, name in entries if facts.split()[1] == "blob"}
        wanted = {name: blob for name, blob in wanted.items() if not name.startswith(f"{UPSTREAM}/")}
        stream = io.BytesIO(self._git("cat-file", "--batch", given="\n".join(wanted.values()).encode()))
        contents = {}
        for name in wanted:
            size = int(stream.readline().split()[2])
            content = stream.read(size + 1)[:-1]
            with contextlib.suppress(UnicodeDecodeError):
                contents[name] = content.decode()
        return contents

    def apply(self, patch: Patch) -> str:
        """Commit a patch and return the commit.

        Raises PatchRefused when it touches what is protected or leaves the folder, ExecutionError when it changes
        nothing or the folder has changes of somebody else.
        """
        self.check(patch)
        if not self.is_clean():
            self._drop_part_of(patch)
        try:
            self._write(patch.files)
            self._commit(patch.files, f"{patch.fix}\n\n{patch.reason}")
        except BaseException:  # also on Ctrl-C: the folder stays at a commit
            for name in patch.files:
                (self.root / name).unlink(missing_ok=True)
            self.restore()
            raise
        return self.head()

    def check(self, patch: Patch) -> None:
        """Raise PatchRefused unless the patch may be applied, ExecutionError when it changes nothing."""
        current = self.files()
        check_change(current, patch.files)
        for name in patch.files:
            self._check_no_links(name)
        if all(current.get(name) == content for name, content in patch.files.items()):
            raise ExecutionError(f"The patch {patch.fix!r} changes nothing.")

    def export(self, commit: str, folder: Path) -> None:
        """Write the files of a commit, without its history, into a new folder."""
        folder.mkdir(parents=True)
        with tempfile.TemporaryDirectory() as scratch:
            index = {"GIT_INDEX_FILE": str(Path(scratch) / "index")}
            self._git("read-tree", commit, extra=index)
            self._git("checkout-index", "--all", f"--prefix={folder.absolute()}{os.sep}", extra=index)

    def _drop_part_of(self, patch: Patch) -> None:
        """Drop what an application of this patch left when it was killed; changes of anybody else are an error."""
        changed = self._git("diff", "--name-only", "-z", "HEAD").decode().split("\0")[:-1]
        for name in changed:
            path = self.root / name
            if name not in patch.files or not path.is_file() or path.read_bytes() != patch.files[name].encode():
                raise ExecutionError(f"{path} has changes that are not committed. Commit or drop them, then resume.")
        self.restore()

    def _check_no_links(self, name: str) -> None:
        path = self.root
        for part in PurePosixPath(name).parts:
            path = path / part
            if path.is_symlink():
                raise PatchRefused(f"{name} leads through a link, {path.relative_to(self.root)}.")

    def _write(self, files: Mapping[str, str]) -> None:
        for name, content in files.items():
            write_atomic(self.root / name, content)

    def _take_over(self, base: PinnedRepository) -> None:
        """Commit the files of a repository of others, in a folder of their own, saying where they come from."""
        names = []
        for path in sorted(walk_all(base.path)):
            name = f"{UPSTREAM}/{path.relative_to(base.path).as_posix()}"
            check_path(name)
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, self.root / name)
            (self.root / name).chmod(0o755 if os.access(path, os.X_OK) else 0o644)
            names.append(name)
        self._commit(names, f"Code of {base.origin} at {base.commit}\n\nSHA-256 of its files: {base.sha256}")

    def _commit(self, files: Iterable[str], message: str) -> None:
        names = "\0".join(files).encode()
        self._git("add", "--force", "--pathspec-from-file=-", "--pathspec-file-nul", given=names)
        self._git("commit", "--quiet", "--no-verify", "--message", message)

    def _git(self, *arguments: str, given: bytes = b"", extra: Mapping[str, str] | None = None) -> bytes:
        program = shutil.which("git")
        if program is None:
            raise ExecutionError(
                "git is not installed, and the code of a run is kept in a git repository. Install it: "
                "apt-get install git (Debian, Ubuntu), brew install git (macOS), or https://git-scm.com/downloads."
            )
        settings = [item for name, value in SETTINGS.items() for item in ("-c", f"{name}={value}")]
        where = [f"--git-dir={self.root / '.git'}", f"--work-tree={self.root}", "-c", f"safe.directory={self.root}"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        environment |= IDENTITY | {
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_LITERAL_PATHSPECS": "1",
            "LC_ALL": "C",
        }
        result = subprocess.run(
            [program, *where, *settings, *arguments],
            cwd=self.root,
            env=environment | dict(extra or {}),
            input=given,
            capture_output=True,
            check=False,
        )
        if result.returncode:
            complaint = result.stderr.decode(errors="replace").strip() or f"status {result.returncode}"
            raise ExecutionError(f"git {arguments[0]} failed in {self.root}: {complaint}")
        return result.stdout


def check_change(current: Mapping[str, str], changed: Mapping[str, str]) -> None:
    """Raise PatchRefused when files of a codebase may not be changed like this."""
    for name, content in changed.items():
        check_path(name)
        if current.get(name) != content:
            _check_unprotected(name, content, current)


def same_change(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether two patches leave the same code behind: comments and layout of Python do not count."""
    return one.keys() == other.keys() and all(_meaning(name, one[name]) == _meaning(name, other[name]) for name in one)


def _meaning(name: str, content: str) -> str:
    tree = _tree(content) if name.endswith(".py") else None
    return ast.dump(tree) if tree else content.strip()


def check_path(name: str) -> None:
    """Raise PatchRefused unless the name is a plain relative path of a file, the same on every platform."""
    path = PurePosixPath(name)
    plain = name.isprintable() and not set(name) & set('\\:*?"<>|') and str(path) == name and name != "."
    if not plain or path.is_absolute() or ".." in path.parts:
        raise PatchRefused(f"{name!r} is not a path inside the codebase.")
    for part in path.parts:
        folded = part.casefold().rstrip(". ")
        if folded.startswith((".git", "git~")) and folded != ".gitignore":
            raise PatchRefused(f"{name!r} would change how git treats the codebase.")


def _check_unprotected(name: str, content: str, current: Mapping[str, str]) -> None:
    """Raise PatchRefused when a changed file is protected, changes a guarded function, or shadows a module of one."""
    folded = name.casefold()
    if PurePosixPath(folded).parts[0] == UPSTREAM:
        raise PatchRefused(f"{name} is code of others, which stays as it is. Change what uses it instead.")
    if folded in PROTECTED:
        raise PatchRefused(f"{name} is protected: a cure must not change what reports or judges the results.")
    function = GUARDED.get(folded)
    if function is not None:
        if name not in current:
            if any(other.casefold() == folded for other in current):
                raise PatchRefused(f"{name} differs from a file of the codebase only in case.")
        elif _guard_changed(current[name], content, function):
            raise PatchRefused(f"{name}: {function}, or something that it uses, would change; the division is frozen.")
    if name not in current and (module := _module(name)) in _shadowing(current):
        raise PatchRefused(f"{name} would be imported in place of the module {module}. Choose another name.")


def _module(name: str) -> str:
    """Name under which a file or its folder would be imported."""
    return PurePosixPath(name).parts[0].partition(".")[0]


def _shadowing(current: Mapping[str, str]) -> set[str]:
    """Modules whose place no new file may take: the standard library's, the protected ones and what those import."""
    judges = [name for name in (*PROTECTED, *GUARDED) if name.endswith(".py")]
    taken = {_module(name) for name in judges} | set(sys.stdlib_module_names)
    for name in judges:
        for node in ast.walk(_tree(current.get(name, "")) or ast.Module([], [])):
            if isinstance(node, ast.Import):
                taken |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                taken.add(node.module.partition(".")[0])
    return taken - {_module(name) for name in current} | {_module(name) for name in judges}


def _tree(source: str) -> ast.Module | None:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError):
        return None


def _guard_changed(before: str, after: str, function: str) -> bool:
    """Whether the function, or anything of its module that it reaches, differs. Code that never ran guards nothing."""
    old, new = _tree(before), _tree(after)
    if old is None:
        return False
    return new is None or _reachable(old, function) != _reachable(new, function)


def _reachable(tree: ast.Module, function: str) -> list[str]:
    """Syntax of all module-level code that binds the function or a name used by such code, in order."""
    pieces = [piece for statement in tree.body for piece in _pieces(statement)]
    reached, size = {function}, 0
    while size < len(reached):
        size = len(reached)
        for bound, node in pieces:
            if bound & reached:
                reached |= {item.id for item in ast.walk(node) if isinstance(item, ast.Name)}
    return [f"{sorted(bound)} {ast.dump(node)}" for bound, node in pieces if bound & reached]


def _pieces(statement: ast.stmt) -> Iterator[tuple[set[str], ast.AST]]:
    """Names that a statement binds in its module, or changes in place, with the syntax that does it."""
    if isinstance(statement, ast.Import | ast.ImportFrom):
        origin = f"{'.' * statement.level}{statement.module}" if isinstance(statement, ast.ImportFrom) else ""
        for alias in statement.names:
            bound = (alias.asname or alias.name).partition(".")[0]
            yield {bound}, ast.Tuple([ast.Constant(origin), ast.Constant(alias.name), ast.Constant(alias.asname)])
    else:
        yield _bound(statement), statement


def _bound(node: ast.AST) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        inside = {name for item in ast.walk(node) if isinstance(item, ast.Global) for name in item.names}
        return {node.name} | inside
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
        return {node.id}
    if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
        return {item.id for item in ast.walk(node.value) if isinstance(item, ast.Name)}
    return set().union(*(_bound(child) for child in ast.iter_child_nodes(node)))
