"""Whether every record of the ledger is what a full, successful attempt at a known commit reported."""

import hashlib
import math
import re
import tempfile
from collections.abc import Iterator, Mapping
from itertools import pairwise, zip_longest
from pathlib import Path

from nanoresearch.errors import ExecutionError
from nanoresearch.evidence.audit import names
from nanoresearch.evidence.audit.case import Case, Doubt
from nanoresearch.execution.attempts import JOB_FILE, SavedJob, attempt_reports, seed_folder
from nanoresearch.execution.clones import content_digest
from nanoresearch.execution.collect import InvalidReports, condition_names, expected, merge
from nanoresearch.execution.repository import IDENTITY, PROTECTED, UPSTREAM, Codebase
from nanoresearch.execution.upstream import is_upstream
from nanoresearch.schema.experiment import Attempt, Patch, Program, Result

MAKER = f"{IDENTITY['GIT_AUTHOR_NAME']} <{IDENTITY['GIT_AUTHOR_EMAIL']}>"
"""Whom commits of the program name as author and committer."""


LATER = ("exchange.py",)
"""Files that programs of older versions do not have."""


def check_provenance(case: Case) -> Iterator[Doubt]:
    """Repository, attempt, records, completeness, reports and judges."""
    yield from _repository(case)
    yield from _attempts(case)
    source = case.attempts[-1]
    yield from _changes(case, source)
    yield from _prepared(case)
    yield from _records(case, names.RESULTS, "r", case.results, source)
    yield from _records(case, names.MEASUREMENTS, "m", case.measurements, source)
    yield from _complete(case)
    yield from _jobs(case, source)
    yield from _as_reported(case, source)
    yield from _scoring(case, source)
    yield from _judges(case, source)


def _repository(case: Case) -> Iterator[Doubt]:
    """The repository is whole and its folder shows its last commit."""
    if damage := case.history.damage():
        yield names.CODE, damage
    if not case.history.is_line:
        yield names.CODE, "the commits do not follow one another in a single line"
    first, last = (case.history.files(case.history.commits[place]) for place in (0, -1))
    if base := _program(case).base:
        where = f"{base.origin} at {base.commit[:12]}"
        if _upstream_digest(first) != base.sha256 or not all(map(is_upstream, first)):
            yield names.CODE, f"the first commit is not {where}, on which the program is to be built"
        elif _upstream_digest(last) != base.sha256:
            yield names.CODE, f"the code of {where}, on which the program is built, was changed"
    elif any(map(is_upstream, last)):
        yield names.CODE, "it holds code of others, and nothing says whose"
    for name, content in last.items():
        path = case.folder.path(f"{names.CODE}/{name}")
        if not path.is_file() or path.read_bytes() != content:
            yield f"{names.CODE}/{name}", "differs from the last commit"


def _attempts(case: Case) -> Iterator[Doubt]:
    """The last attempt, and no other, is full and successful: there was nothing to pick from."""
    full = [attempt for attempt in case.attempts if not attempt.smoke and attempt.outcome == "succeeded"]
    last = case.attempts[-1]
    if last not in full:
        yield _file(last), "the last attempt is not a full one that succeeded"
    if len(full) > 1:
        yield names.ATTEMPTS, f"{len(full)} full attempts succeeded: the results may have been picked"
    if last.commit != case.history.commits[-1]:
        yield _file(last), f"ran commit {last.commit[:12]}, which is not the codebase's last"
    for position, attempt in enumerate(case.attempts, start=1):
        if attempt.number != position:
            yield f"{names.ATTEMPTS}/{position}/attempt.json", f"calls itself attempt {attempt.number}"
        if attempt.commit not in case.history.commits:
            yield _file(attempt), f"ran commit {attempt.commit[:12]}, which the codebase does not have"


def _changes(case: Case, source: Attempt) -> Iterator[Doubt]:
    """Every commit up to that of the results is the program's own; after the first version each is a recorded patch."""
    commits = case.history.commits
    base = commits[: commits.index(_first_version(case))]
    commits = commits[len(base) :]
    if source.commit in commits:
        commits = commits[: commits.index(source.commit) + 1]
    cured = [attempt for attempt in case.attempts if attempt.patch is not None]
    by_hand = {commit for commit in commits if set(case.history.makers(commit)) != {MAKER}}
    for position, (before, after) in enumerate(pairwise(commits)):
        if position >= len(cured):
            by_hand.add(after)
            continue
        patch = case.record(f"{names.ATTEMPTS}/{cured[position].number}/patch.json", Patch)
        wanted = case.history.files(before) | {name: text.encode() for name, text in patch.files.items()}
        same = (cured[position].commit, cured[position].patch) == (before, patch.fix)
        if not same or case.history.files(after) != wanted:
            by_hand.add(after)
    by_hand |= {commit for commit in base if set(case.history.makers(commit)) != {MAKER}}
    for commit in (*base, *commits):
        if commit in by_hand:
            yield names.CODE, f"the code was changed by hand in commit {commit[:12]}"
    for attempt in cured[len(commits) - 1 :]:
        yield _file(attempt), f"names the patch {attempt.patch}, of which the codebase has no commit"


def _program(case: Case) -> Program:
    """What the coder said of the codebase; runs from before that was kept have no record of it."""
    return case.record(names.PROGRAM, Program) if case.folder.has(names.PROGRAM) else Program(files={})


def _first_version(case: Case) -> str:
    """Commit of the first version of the program: the first, or that after the code of others that it was added to."""
    commits = case.history.commits
    return commits[1 if _program(case).base and len(commits) > 1 else 0]


def _upstream_digest(files: Mapping[str, bytes]) -> str:
    """Digest of the code of others in a codebase, as it was when it was pinned."""
    return content_digest(
        {
            name.removeprefix(f"{UPSTREAM}/"): hashlib.sha256(content).hexdigest()
            for name, content in files.items()
            if is_upstream(name)
        }
    )


def _prepared(case: Case) -> Iterator[Doubt]:
    """Cures that are said to be in the code from the start are functions of its first commit, and the paper names them
    and the code of others that the program is built on.

    A run from before there was such a record has none.
    """
    if not case.folder.has(names.PROGRAM):
        return
    code = "\n".join(text for name, text in case.history.sources(_first_version(case)).items() if name.endswith(".py"))
    paper = case.folder.path(names.PAPER_TEX).read_text(encoding="utf-8")
    paper = paper.replace("\\allowbreak{}", "").replace("\\_", "_")
    program = case.record(names.PROGRAM, Program)
    if program.base and program.base.commit[:12] not in paper:
        yield names.PAPER_TEX, f"does not say that the program is built on {program.base.origin}"
    for item in program.prepared:
        if not re.search(rf"^def {re.escape(item.fix)}\(", code, re.MULTILINE):
            yield names.PROGRAM, f"says that the code held {item.fix} from the start, which its first commit does not"
        if item.fix not in paper:
            yield names.PAPER_TEX, f"does not name {item.fix}, which the code held from the start"


def _records(case: Case, name: str, prefix: str, records: list[Result], source: Attempt) -> Iterator[Doubt]:
    blueprint = case.blueprint
    metrics = {metric.id for metric in blueprint.metrics} if prefix == "r" else set(blueprint.measures)
    allowed: dict[str, set[object]] = {
        "method": {method.id for method in blueprint.methods},
        "data set": {staged.card.id for staged in blueprint.datasets},
        "condition": set(condition_names(blueprint)),
        "seed": set(blueprint.seeds),
        "attempt": {source.number},
        "commit": {source.commit},
    }
    seen: set[tuple[object, ...]] = set()
    for position, record in enumerate(records, start=1):
        metric, colon, label = record.metric.partition(":")
        sliced = prefix == "r" and blueprint.slices and bool(label) and metric == blueprint.metrics[0].id
        found = {
            "method": record.method,
            "data set": record.dataset,
            "condition": record.condition,
            "seed": record.seed,
            "attempt": record.attempt,
            "commit": record.commit,
        }
        if record.id != f"{prefix}{position:05d}":
            yield name, f"line {position} has the id {record.id}"
        for what, value in found.items():
            if value not in allowed[what]:
                yield name, f"{record.id} has the {what} {value!r}, which the blueprint and the last attempt do not"
        if not (sliced if colon else metric in metrics):
            yield name, f"{record.id} has the metric {record.metric!r}, which the blueprint does not"
        if not math.isfinite(record.value):
            yield name, f"{record.id} is not finite"
        key = (record.method, record.dataset, record.condition, record.metric, record.seed)
        if key in seen:
            yield name, f"{record.id} repeats an earlier record"
        seen.add(key)


def _complete(case: Case) -> Iterator[Doubt]:
    """No value that the blueprint asks for is missing, and no group is judged for some methods or seeds only."""
    blueprint = case.blueprint
    present = {(r.method, r.dataset, r.condition, r.metric, r.seed) for r in (*case.results, *case.measurements)}
    missing = [(*key, seed) for seed in blueprint.seeds for key in expected(blueprint) if (*key, seed) not in present]
    if missing:
        words = " ".join(str(part) for part in missing[0])
        yield names.RESULTS, f"{len(missing)} records are missing, the first is {words}"


def _jobs(case: Case, source: Attempt) -> Iterator[Doubt]:
    """Every seed ran once, whole, at the attempt's commit and under the frozen blueprint."""
    if sorted(job.seed for job in source.jobs) != sorted(case.blueprint.seeds):
        yield _file(source), "its jobs are not one for each seed of the blueprint"
    undigested: list[str] = []
    for job in source.jobs:
        where = f"{names.ATTEMPTS}/{source.number}/seed-{job.seed}/{JOB_FILE}"
        saved = case.record(where, SavedJob)
        wanted = (job, source.commit, case.blueprint.digest(), False)
        if saved.reports_sha256 is None:
            undigested.append(str(job.seed))
        if (saved.job, saved.commit, saved.blueprint, saved.smoke) != wanted or job.outcome != "succeeded":
            yield where, "is not a full, successful job of its attempt"
    if undigested:
        seeds = ", ".join(undigested)
        case.unverified.append(f"the reports of seeds {seeds} have no digest in {JOB_FILE}: an older version ran them")


def _scoring(case: Case, source: Attempt) -> Iterator[Doubt]:
    """Every seed was judged by one program, in a sandbox, and has the digest of all that was scored."""
    jobs = {}
    for job in source.jobs:
        where = f"{names.ATTEMPTS}/{source.number}/seed-{job.seed}/{JOB_FILE}"
        jobs[where] = case.record(where, SavedJob)
    conditions, methods = len(condition_names(case.blueprint)), len(case.blueprint.methods)
    for where, saved in jobs.items():
        if not saved.frozen:
            continue
        if saved.scorer_sha256 is None or saved.job.sandbox in (None, "none"):
            yield where, "calls results frozen, but names no scorer or no sandbox"
        if len(saved.predictions_sha256) != len(saved.frozen) * conditions * methods:
            yield where, "lacks digests of predictions that were scored"
    if len({(saved.frozen, saved.scorer_sha256) for saved in jobs.values()}) > 1:
        yield _file(source), "its seeds were not judged alike"


def _as_reported(case: Case, source: Attempt) -> Iterator[Doubt]:
    """The ledger, line by line, is what the seeds reported."""
    where = f"{names.ATTEMPTS}/{source.number}"
    try:
        reports = attempt_reports(case.folder.path(where), case.blueprint)
    except InvalidReports as error:
        yield where, str(error)
        return
    merged = merge(
        reports,
        case.blueprint,
        attempt=source.number,
        commit=source.commit,
        blueprint_hash=case.blueprint.digest(),
    )
    pairs = ((names.RESULTS, case.results, merged[0]), (names.MEASUREMENTS, case.measurements, merged[1]))
    for name, kept, reported in pairs:
        for position, (ours, theirs) in enumerate(zip_longest(kept, reported), start=1):
            if ours == theirs:
                continue
            record = ours or theirs
            job = seed_folder(Path(where), record.seed).as_posix() if record else where
            yield name, f"line {position} is not what {job} reported"
            break


def _judges(case: Case, source: Attempt) -> Iterator[Doubt]:
    """What reports, scores and divides is as it was written first, by the rule that patches are held to."""
    first = case.history.sources(_first_version(case))
    last = case.history.sources(source.commit)
    for name in (*PROTECTED, "data.py"):
        if name in LATER and name not in first:
            continue
        if name not in first or name not in last:
            yield f"{names.CODE}/{name}", "is missing"
    with tempfile.TemporaryDirectory() as scratch:
        original = Codebase.create(Path(scratch) / "code", first)
        for name, content in last.items():
            if first.get(name) == content:
                continue
            try:
                original.check(Patch(fix="audit", reason="audit", files={name: content}))
            except ExecutionError as error:
                yield f"{names.CODE}/{name}", f"changed after the first version: {error}"


def _file(attempt: Attempt) -> str:
    return f"{names.ATTEMPTS}/{attempt.number}/attempt.json"
