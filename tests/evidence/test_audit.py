"""Every check, on copies of a finished run in which one thing was changed."""

import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from nanoresearch.config import PaperConfig
from nanoresearch.evidence.audit import CHECKS, audit_run
from nanoresearch.evidence.audit.case import Case
from nanoresearch.evidence.audit.integrity import _stated
from nanoresearch.evidence.audit.paperwork import is_named, proper_names
from nanoresearch.paper.compile import compile_pdf, find_latex
from nanoresearch.paths import RunFolder
from nanoresearch.schema.audit import Audit, AuditFinding
from nanoresearch.schema.blueprint import Blueprint
from tests.evidence.conftest import Tampered

RESULTS = "execution/results.jsonl"
CODE = "coding/code"


def kinds(audit: Audit) -> set[str]:
    return {finding.check for finding in audit.findings}


def found(audit: Audit, text: str) -> list[AuditFinding]:
    return [finding for finding in audit.findings if text in finding.text or text in finding.where]


def show(audit: Audit) -> str:
    return "\n".join(f"{f.check} | {f.where} | {f.text}" for f in audit.findings)


def test_the_untampered_run_passes(finished: RunFolder) -> None:
    audit = audit_run(finished)
    assert audit.findings == (), show(audit)
    assert audit.passed
    assert audit.numbers_checked > 40
    assert audit.citations_checked > 5
    assert audit.paper_sha256 is not None


def test_the_audit_changes_nothing(case: Tampered) -> None:
    before = {path: path.read_bytes() for path in case.folder.root.rglob("*") if path.is_file()}
    audit_run(case.folder)
    assert before == {path: path.read_bytes() for path in case.folder.root.rglob("*") if path.is_file()}


def test_an_empty_folder_fails_every_check(tmp_path: Path) -> None:
    audit = audit_run(RunFolder(tmp_path))
    assert not audit.passed
    assert kinds(audit) == set(CHECKS)
    assert audit.paper_sha256 is None


def test_an_unfinished_run_lacks_one_thing(case: Tampered) -> None:
    edit_json(case, "run.json", lambda r: r.update(status="interrupted"))
    shutil.rmtree(case.path("paper"))
    case.path("analysis/analysis.json").unlink()
    audit = audit_run(case.folder)
    assert not audit.passed
    text = f"this run is not finished; go on with: nanoresearch resume {case.folder.id}"
    assert [(f.check, f.text) for f in audit.findings] == [("files", text)], show(audit)
    edit_json(case, "run.json", lambda r: r.update(status="done"))
    assert len(audit_run(case.folder).findings) > 1


# Tampering helpers


def number_of_attempts(case: Tampered) -> int:
    return max(int(path.name) for path in case.path("execution/attempts").iterdir())


def last_attempt(case: Tampered) -> str:
    return f"execution/attempts/{number_of_attempts(case)}/attempt.json"


def change_record(case: Tampered, name: str, line: int, **changes: object) -> None:
    lines = case.read(name).splitlines()
    lines[line] = json.dumps({**json.loads(lines[line]), **changes})
    case.write(name, "\n".join(lines) + "\n")


def git(case: Tampered, *arguments: str) -> str:
    identity = ["-c", "user.name=x", "-c", "user.email=x@localhost", "-c", "commit.gpgSign=false"]
    command = ["git", "-C", str(case.path(CODE)), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def commit_change(case: Tampered, name: str, change: Callable[[str], str], *, forged: bool = False) -> None:
    """Change a file of the code by a commit; forged, all records name the new commit."""
    case.write(f"{CODE}/{name}", change(case.read(f"{CODE}/{name}")))
    before = git(case, "rev-parse", "HEAD")
    git(case, "commit", "--quiet", "--all", "--message", "x")
    after = git(case, "rev-parse", "HEAD")
    if forged:
        number = number_of_attempts(case)
        seeds = list(case.path(f"execution/attempts/{number}").glob("seed-*/job.json"))
        for path in [
            case.path(last_attempt(case)),
            case.path(RESULTS),
            case.path("execution/measurements.jsonl"),
            *seeds,
        ]:
            path.write_text(path.read_text().replace(before, after))


def in_section(case: Tampered, section: str, text: str, *, forged: bool) -> None:
    """Type something at the start of a section of paper.tex; forged, the manuscript has it too."""
    manuscript = case.json("review/manuscript.json")
    part = next(item for item in manuscript["sections"] if item["id"] == section)
    head = part["body"].strip()[:60]
    case.swap("paper/paper.tex", head, f"{text} {head}")
    if forged:
        part["body"] = part["body"].replace(head, f"{text} {head}", 1)
        case.save("review/manuscript.json", manuscript)
    case.reseal()


def edit_json(case: Tampered, name: str, change: Callable[[dict], None]) -> None:  # type: ignore[type-arg]
    value = case.json(name)
    change(value)
    case.save(name, value)


# Files


@pytest.mark.parametrize(
    "name",
    ["run.json", "ideation/survey.json", "ideation/novelty.json", "planning/blueprint.json",
     "planning/blueprint.sha256",
     "planning/critiques.jsonl", RESULTS, "execution/measurements.jsonl", "analysis/analysis.json",
     "writing/manuscript.json", "review/manuscript.json", "review/reviews.jsonl", "paper/paper.tex",
     "paper/numbers.tex", "paper/references.bib", "paper/build.json", "coding/plan.json"],
)  # fmt: skip
def test_a_missing_or_broken_file(case: Tampered, name: str) -> None:
    case.path(name).unlink()
    missing = audit_run(case.folder)
    said = [f.text for f in missing.findings if f.check == "files" and f.where == name]
    assert said, show(missing)
    assert all(re.search("is missing|cannot be read|is not finished", text) for text in said), said
    case.path(name).write_bytes(b'{"a": \xff')
    broken = audit_run(case.folder)
    assert any(f.check == "files" and f.where == name for f in broken.findings), show(broken)


def test_empty_results(case: Tampered) -> None:
    case.write(RESULTS, "")
    audit = audit_run(case.folder)
    assert {"files", "provenance", "numbers", "figures", "integrity"} <= kinds(audit), show(audit)


def test_a_deleted_repository(case: Tampered) -> None:
    shutil.rmtree(case.path(CODE))
    assert {"files", "blueprint", "provenance", "method"} <= kinds(audit_run(case.folder))


@pytest.mark.parametrize("name", ["paper/extra.tex", "paper/figures/other.pdf", "analysis/figures/other.json"])
def test_an_unexpected_file(case: Tampered, name: str) -> None:
    case.write(name, "x")
    case.reseal()
    audit = audit_run(case.folder)
    assert kinds(audit) == {"files"}, show(audit)
    assert found(audit, name)


def test_an_unexpected_attempt(case: Tampered) -> None:
    case.path("execution/attempts/best").mkdir()
    assert kinds(audit_run(case.folder)) == {"files"}


def test_a_link(case: Tampered) -> None:
    real = case.path("paper/numbers.tex").rename(case.folder.root / "elsewhere")
    case.path("paper/numbers.tex").symlink_to(real)
    assert kinds(audit_run(case.folder)) == {"files"}


# Blueprint


def test_a_changed_blueprint(case: Tampered) -> None:
    case.swap("planning/blueprint.json", '"prediction": "', '"prediction": "really, ')
    audit = audit_run(case.folder)
    assert {"blueprint", "provenance"} == kinds(audit), show(audit)
    assert found(audit, "its hash differs from the seal")


def test_a_resealed_blueprint_is_not_that_of_the_records(case: Tampered) -> None:
    case.swap("planning/blueprint.json", '"prediction": "', '"prediction": "really, ')
    digest = case.folder.load("planning/blueprint.json", Blueprint).digest()
    time = case.read("planning/blueprint.sha256").split()[1]
    case.write("planning/blueprint.sha256", f"{digest}  {time}\n")
    audit = audit_run(case.folder)
    assert found(audit, "records are of another blueprint"), show(audit)


def test_an_attempt_before_the_seal(case: Tampered) -> None:
    edit_json(case, "execution/attempts/1/attempt.json", lambda a: a.update(started="2001-01-01T00:00:00+00:00"))
    audit = audit_run(case.folder)
    assert kinds(audit) == {"blueprint"}, show(audit)
    assert found(audit, "before the blueprint was frozen")


def test_a_seal_without_zone_or_time(case: Tampered) -> None:
    digest = case.read("planning/blueprint.sha256").split()[0]
    for seal in (digest, f"{digest}  2001-01-01T00:00:00", f"{digest} never"):
        case.write("planning/blueprint.sha256", seal)
        assert kinds(audit_run(case.folder)) == {"blueprint"}


def test_a_blueprint_that_no_critic_passed(case: Tampered) -> None:
    case.swap("planning/critiques.jsonl", '"passed":true', '"passed":false')
    assert kinds(audit_run(case.folder)) == {"blueprint"}


def test_a_false_hash_in_the_paper(case: Tampered) -> None:
    digest = case.read("planning/blueprint.sha256")[:16]
    case.swap("paper/paper.tex", digest, "0123456789abcdef", count=-1)
    edit = case.read("review/manuscript.json")
    case.write("review/manuscript.json", edit.replace(digest, "0123456789abcdef"))
    case.reseal()
    audit = audit_run(case.folder)
    assert kinds(audit) == {"blueprint"}, show(audit)


# Provenance


def test_a_changed_result(case: Tampered) -> None:
    for line in range(len(case.read(RESULTS).splitlines())):
        record = json.loads(case.read(RESULTS).splitlines()[line])
        if record["method"] == "proposed":
            change_record(case, RESULTS, line, value=record["value"] + 0.001)
            break
    audit = audit_run(case.folder)
    assert kinds(audit) == {"provenance", "numbers", "figures"}, show(audit)
    assert found(audit, "is not what execution/attempts/")


def test_a_changed_report(case: Tampered) -> None:
    name = f"execution/attempts/{number_of_attempts(case)}/seed-1/reports.jsonl"
    change_record(case, name, 3, value=0.5)
    assert kinds(audit_run(case.folder)) == {"provenance"}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"id": "r00009"}, "has the id r00009"),
        ({"method": "miracle"}, "has the method 'miracle'"),
        ({"dataset": "mnist"}, "has the data set 'mnist'"),
        ({"metric": "luck"}, "has the metric 'luck'"),
        ({"condition": "noise=9"}, "has the condition 'noise=9'"),
        ({"seed": 77}, "has the seed 77"),
        ({"attempt": 1}, "has the attempt 1"),
        ({"commit": "0" * 40}, "has the commit"),
    ],
)
def test_a_record_that_is_not_of_this_study(case: Tampered, changes: dict[str, object], text: str) -> None:
    change_record(case, RESULTS, 0, **changes)
    audit = audit_run(case.folder)
    assert [f for f in found(audit, text) if f.check == "provenance"], show(audit)


def test_a_value_that_is_no_number(case: Tampered) -> None:
    case.swap(RESULTS, '"value":', '"value":NaN,"was":')
    assert {"files", "provenance"} <= kinds(audit_run(case.folder))


def test_a_dropped_record(case: Tampered) -> None:
    lines = case.read(RESULTS).splitlines()
    case.write(RESULTS, "\n".join(lines[:-1]) + "\n")
    audit = audit_run(case.folder)
    assert found(audit, "records are missing"), show(audit)
    assert "provenance" in kinds(audit)


def test_a_repeated_record(case: Tampered) -> None:
    text = case.read(RESULTS)
    case.write(RESULTS, text + text.splitlines()[-1] + "\n")
    audit = audit_run(case.folder)
    assert found(audit, "repeats an earlier record"), show(audit)


def test_a_second_successful_attempt_could_have_been_picked_from(case: Tampered) -> None:
    number = number_of_attempts(case)
    before, after = case.path(f"execution/attempts/{number}"), case.path(f"execution/attempts/{number + 1}")
    shutil.copytree(before, after)
    edit_json(case, last_attempt(case), lambda a: a.update(number=number + 1))
    audit = audit_run(case.folder)
    assert found(audit, "may have been picked"), show(audit)


@pytest.mark.parametrize(
    "changes", [{"smoke": True}, {"outcome": "failed"}, {"commit": "f" * 40}, {"number": 1}, {"jobs": []}]
)
def test_an_attempt_that_cannot_bear_results(case: Tampered, changes: dict[str, object]) -> None:
    edit_json(case, last_attempt(case), lambda a: a.update(changes))
    audit = audit_run(case.folder)
    assert "provenance" in kinds(audit), show(audit)
    assert kinds(audit) <= {"provenance", "integrity"}, show(audit)


def test_a_commit_after_the_results(case: Tampered) -> None:
    commit_change(case, "train.py", lambda text: text + "\n# tidied\n")
    audit = audit_run(case.folder)
    assert kinds(audit) == {"provenance"}, show(audit)
    assert found(audit, "which is not the codebase's last")


@pytest.mark.parametrize("name", ["evaluate.py", "harness.py"])
def test_a_judge_changed_by_a_commit_that_the_records_name(case: Tampered, name: str) -> None:
    commit_change(case, name, lambda text: text + "\nBONUS = 1\n", forged=True)
    audit = audit_run(case.folder)
    assert kinds(audit) == {"provenance"}, show(audit)
    assert found(audit, f"{CODE}/{name}")


def test_a_changed_split(case: Tampered) -> None:
    def leak(text: str) -> str:
        return text + "\n_split = split\ndef split(*a):\n    s = _split(*a)\n    return s\n"

    commit_change(case, "data.py", leak, forged=True)
    audit = audit_run(case.folder)
    assert kinds(audit) == {"provenance"}, show(audit)
    assert found(audit, "the division is frozen")


def test_an_edit_that_was_not_committed(case: Tampered) -> None:
    case.swap(f"{CODE}/models.py", "def ", "# edited\ndef ")
    audit = audit_run(case.folder)
    assert kinds(audit) == {"provenance"}, show(audit)


def test_rewritten_history(case: Tampered) -> None:
    git(case, "commit", "--quiet", "--amend", "--message", "again")
    audit = audit_run(case.folder)
    assert "provenance" in kinds(audit), show(audit)
    assert found(audit, "which the codebase does not have")


def test_a_replaced_object_deceives_nobody(case: Tampered) -> None:
    """git replace shows another file under the same commit hash."""
    false = case.path(f"{CODE}/false.py")
    false.write_text("BONUS = 1\n")
    blob = git(case, "hash-object", "-w", "false.py")
    false.unlink()
    git(case, "replace", git(case, "rev-parse", "HEAD:evaluate.py"), blob)
    case.write(f"{CODE}/evaluate.py", "BONUS = 1\n")
    audit = audit_run(case.folder)
    assert found(audit, "differs from the last commit"), show(audit)


def by_hand(audit: Audit) -> list[AuditFinding]:
    return [f for f in found(audit, "the code was changed by hand in commit") if f.check == "provenance"]


def test_a_commit_by_a_stranger(case: Tampered) -> None:
    commit_change(case, "train.py", lambda text: text + "\n# tidied\n", forged=True)
    audit = audit_run(case.folder)
    assert kinds(audit) == {"provenance"}, show(audit)
    assert len(audit.findings) == len(by_hand(audit)) == 1, show(audit)


def test_a_commit_under_the_program_s_name(case: Tampered) -> None:
    """The name helps nobody: no recorded patch makes this commit."""
    case.write(f"{CODE}/train.py", case.read(f"{CODE}/train.py") + "\n# tidied\n")
    amend(case)
    audit = audit_run(case.folder)
    assert len(by_hand(audit)) == 1, show(audit)
    assert kinds(audit) == {"provenance"}, show(audit)


def amend(case: Tampered, author: str = "NanoResearch <nanoresearch@localhost>") -> None:
    """Put the folder's state in place of the last commit; all records name the new one."""
    before = git(case, "rev-parse", "HEAD")
    name, _, address = author.removesuffix(">").partition(" <")
    who = ["-c", f"user.name={name}", "-c", f"user.email={address}"]
    git(case, *who, "commit", "--quiet", "--all", "--amend", "--author", author, "--message", "again")
    after = git(case, "rev-parse", "HEAD")
    for path in case.folder.root.rglob("*"):
        if path.suffix in (".json", ".jsonl", ".tex") and "code" not in path.parts:
            path.write_text(path.read_text().replace(before, after).replace(before[:12], after[:12]))
    case.reseal()


def test_a_patch_whose_author_is_a_stranger(case: Tampered) -> None:
    amend(case, "x <x@localhost>")
    audit = audit_run(case.folder)
    assert len(by_hand(audit)) == len(audit.findings) == 1, show(audit)


def test_a_patch_committed_again_by_the_program(case: Tampered) -> None:
    """What the commit holds counts, not its hash."""
    amend(case)
    audit = audit_run(case.folder)
    assert audit.passed, show(audit)


def test_a_patch_record_of_another_change(case: Tampered) -> None:
    patches = list(case.path("execution/attempts").glob("*/patch.json"))
    name = patches[0].relative_to(case.folder.root).as_posix()
    edit_json(case, name, lambda p: p["files"].update({"extra.py": "x = 1\n"}))
    audit = audit_run(case.folder)
    assert len(by_hand(audit)) == len(audit.findings) == 1, show(audit)


def test_a_patch_without_a_commit(case: Tampered) -> None:
    edit_json(case, last_attempt(case), lambda a: a.update(patch="more", patch_reason="x"))
    audit = audit_run(case.folder)
    assert found(audit, "names the patch more, of which the codebase has no commit"), show(audit)


def test_reports_that_are_not_those_of_the_job(case: Tampered) -> None:
    """The forger changes reports and ledger alike; job.json still knows what the job left."""
    name = f"execution/attempts/{number_of_attempts(case)}/seed-1/reports.jsonl"
    case.write(name, case.read(name).replace('"seed": 1', '"seed":1', 1))
    audit = audit_run(case.folder)
    assert kinds(audit) == {"provenance"}, show(audit)
    assert found(audit, "seed-1/reports.jsonl is not what it was when the job ended")


def test_jobs_of_older_versions_have_no_digest(case: Tampered) -> None:
    for path in case.path("execution").glob("attempts/*/seed-*/job.json"):
        job = json.loads(path.read_text())
        job.pop("reports_sha256")
        path.write_text(json.dumps(job))
    audit = audit_run(case.folder)
    assert audit.passed, show(audit)
    assert [text for text in audit.unverified if "have no digest" in text]


def test_results_called_frozen_that_nobody_scored(case: Tampered) -> None:
    """The forger promotes ledger, reports and jobs; no sandbox, scorer or predictions stand behind it."""
    for path in case.path("execution").glob("attempts/*/seed-*/job.json"):
        job = json.loads(path.read_text())
        job["frozen"] = ["iris", "wine"]
        path.write_text(json.dumps(job))
    audit = audit_run(case.folder)
    assert found(audit, "calls results frozen, but names no scorer or no sandbox"), show(audit)
    assert found(audit, "lacks digests of predictions that were scored")
    assert found(audit, "self_reported is not how")


def test_a_single_result_called_frozen(case: Tampered) -> None:
    name = "execution/results.jsonl"
    case.write(name, case.read(name).replace('"scored":"self_reported"', '"scored":"frozen"', 1))
    audit = audit_run(case.folder)
    assert found(audit, "is not what"), show(audit)


def test_a_self_reported_result_without_its_mark(case: Tampered) -> None:
    """Where some data are frozen, the mark of the others cannot be left out."""
    name = "execution/results.jsonl"
    lines = case.read(name).splitlines()
    lines = [line.replace('"self_reported"', '"frozen"') if '"dataset":"iris"' in line else line for line in lines]
    case.write(name, "\n".join(lines) + "\n")
    audit = audit_run(case.folder)
    assert [item for item in audit.findings if item.check == "method" and "has numbers of iris" in item.text], show(
        audit
    )


# Numbers


def test_a_changed_number(case: Tampered) -> None:
    lines = case.read("paper/numbers.tex").splitlines()
    spot = next(i for i, line in enumerate(lines) if line.startswith("\\defresult{mean.proposed"))
    lines[spot] = lines[spot].rpartition("{")[0] + "{99.9}"
    case.write("paper/numbers.tex", "\n".join(lines) + "\n")
    case.reseal()
    audit = audit_run(case.folder)
    assert kinds(audit) == {"numbers"}, show(audit)
    assert len(found(audit, "is printed as 99.9")) == 1


def test_a_changed_number_in_every_place(case: Tampered) -> None:
    """The forger changes numbers.tex and the record of the number alike: the ledger still knows better."""
    analysis = case.json("analysis/analysis.json")
    number = next(item for item in analysis["numbers"] if item["key"].startswith("mean.proposed"))
    old = f"\\defresult{{{number['key']}}}{{{number['text']}}}"
    case.swap("paper/numbers.tex", old, old.replace(number["text"], "99.9"))
    number.update(text="99.9", value=0.999)
    case.save("analysis/analysis.json", analysis)
    manuscript = case.json("review/manuscript.json")
    for item in manuscript["numbers"]:
        if item["key"] == number["key"]:
            item.update(text="99.9", value=0.999)
    case.save("review/manuscript.json", manuscript)
    case.reseal()
    audit = audit_run(case.folder)
    assert kinds(audit) == {"numbers"}, show(audit)


def test_a_number_without_record(case: Tampered) -> None:
    case.write("paper/numbers.tex", case.read("paper/numbers.tex") + "\\defresult{invented}{99.9}\n")
    case.reseal()
    audit = audit_run(case.folder)
    assert kinds(audit) == {"numbers"}, show(audit)
    assert found(audit, "backed by no record")


def test_a_missing_definition(case: Tampered) -> None:
    lines = case.read("paper/numbers.tex").splitlines()
    case.write("paper/numbers.tex", "\n".join(lines[:-1]) + "\n")
    case.reseal()
    audit = audit_run(case.folder)
    assert kinds(audit) == {"numbers"}, show(audit)
    assert found(audit, "is not defined")


@pytest.mark.parametrize(
    ("file", "pointer"),
    [("review/manuscript.json", "/numbers/0/value"), ("analysis/analysis.json", "/numbers/0/value"),
     ("paper/invented.json", "/best"), ("run.json", "/phases/review/seconds"), ("../outside.json", "/best")],
)  # fmt: skip
def test_a_number_that_vouches_for_itself(case: Tampered, file: str, pointer: str) -> None:
    path = case.path(file)
    if not path.exists():
        path.write_text('{"best": 99.9}')
    number = {"key": "invented", "text": "99.9", "value": 99.9, "form": ".1f"}
    number["source"] = {"file": file, "pointer": pointer, "count": False}
    edit_json(case, "review/manuscript.json", lambda m: m["numbers"].append(number))
    case.write("paper/numbers.tex", case.read("paper/numbers.tex") + "\\defresult{invented}{99.9}\n")
    case.reseal()
    audit = audit_run(case.folder)
    assert [f for f in found(audit, "invented is read from") if f.check == "numbers"], show(audit)


SECTIONS = ("abstract", "results", "limitations", "conclusion")


@pytest.mark.parametrize("section", SECTIONS)
@pytest.mark.parametrize("forged", [False, True])
def test_a_literal_in_every_section_that_tells_results(case: Tampered, section: str, forged: bool) -> None:
    in_section(case, section, "It reaches 97.3\\% accuracy.", forged=forged)
    audit = audit_run(case.folder)
    assert kinds(audit) == {"numbers"}, show(audit)
    assert [f for f in found(audit, "typed numbers: 97.3") if f.where == section], show(audit)
    assert bool(found(audit, "is not what the manuscript renders to")) != forged, show(audit)


@pytest.mark.parametrize(
    "text",
    [
        "It is better on seven data sets.",
        "It halves the error.",
        "It is twice as good.",
        "\\name{97.3\\%}",
        "\\name{ninety percent}",
        "\\number97",
        "Accuracy rises to \\texttt{0.97}.",
        "s\\emph{ev}en",
        "So it is~\\citep[97 percent]{KEY}.",
        "It wins by \\ref{sec:setup} points.",
        "It errs in XVII cases.",
        "\\name{of}",
    ],
)
def test_a_typed_number(case: Tampered, text: str) -> None:
    key = re.search(r"\\cite[pt]\{([^{},]*)", case.read("paper/paper.tex"))[1]  # type: ignore[index]
    in_section(case, "abstract", text.replace("KEY", key), forged=True)
    audit = audit_run(case.folder)
    assert kinds(audit) == {"numbers"}, show(audit)
    assert {f.where for f in audit.findings} == {"abstract"}, show(audit)


@pytest.mark.parametrize(
    "text",
    [
        "It reaches 97.31\\% accuracy.",
        "It rises to 0.97312.",
        "It reaches ninety-seven percent accuracy.",
        "It reaches ninety-\\emph{seven} per~cent accuracy.",
        "It reaches an accuracy of ninety-seven.",
        "It rises to zero point nine seven.",
        "It reaches an accuracy of $8417$.",
        "It reaches an accuracy of $.97312$.",
        "It makes eighty4\\relax 17 errors of 8\\emph{4}17.",
        "It doubles the accuracy.",
        "It is a tenfold improvement.",
        "It is known to do well~\\citep[reaching 8417]{KEY}.",
    ],
)
@pytest.mark.parametrize("section", ["introduction", "related_work"])
def test_a_typed_result_in_a_section_that_tells(case: Tampered, section: str, text: str) -> None:
    key = re.search(r"\\cite[pt]\{([^{},]*)", case.read("paper/paper.tex"))[1]  # type: ignore[index]
    in_section(case, section, text.replace("KEY", key), forged=True)
    audit = audit_run(case.folder)
    assert kinds(audit) == {"numbers"}, show(audit)
    assert {f.where for f in audit.findings} == {section}, show(audit)


@pytest.mark.parametrize(
    "text",
    [
        "Five-fold cross-validation, double descent and successive halving are known.",
        "With an $\\ell_2$ penalty this is $x^2$, and $x_{1}$ on the one hand.",
        "\\begin{equation}x = 8417\\end{equation}",
        "One line of work compares two methods, and three others do so too.",
    ],
)
def test_notation_and_ordinary_words_in_a_section_that_tells(case: Tampered, text: str) -> None:
    in_section(case, "related_work", text, forged=True)
    assert audit_run(case.folder).passed


@pytest.mark.parametrize("part", ["keywords", "title"])
def test_a_number_typed_before_the_text(case: Tampered, part: str) -> None:
    def change(manuscript: dict) -> None:  # type: ignore[type-arg]
        manuscript[part] = ["97.3 percent"] if part == "keywords" else "97.3 percent accuracy"

    edit_json(case, "review/manuscript.json", change)
    audit = audit_run(case.folder)
    assert [f for f in found(audit, "typed numbers: 97.3, percent") if f.where == part], show(audit)


@pytest.mark.parametrize(
    ("hypothesis", "content", "named"),
    [
        ("Adding it raises accuracy in transfer between two domains", "transfer between two domains", True),
        ("Adding it raises accuracy in transfer between two domains", "Transfer between two domains", True),
        ("Adding it raises accuracy in transfer between two domains", "two domains", False),
        ("Adding it raises accuracy in transfer between two domains", "two", False),
        ("Adding it raises accuracy by 9 points", "by 9 points", False),
        ("Adding it raises accuracy by ninety percent", "by ninety percent", False),
        ("Adding it helps", "two domains", False),
        ("Adding it halves the error", "halves the error", False),
    ],
)
def test_words_of_the_hypothesis_may_count_things_only(
    finished: RunFolder, hypothesis: str, content: str, named: bool
) -> None:
    case = Case(finished)
    case.blueprint = case.blueprint.model_copy(update={"hypothesis": hypothesis})
    assert is_named(content, case, proper_names(case)) is named


def test_an_undefined_result(case: Tampered) -> None:
    in_section(case, "results", "See \\result{nothing}.", forged=True)
    audit = audit_run(case.folder)
    assert kinds(audit) == {"numbers"}, show(audit)
    assert found(audit, "the result nothing is not defined")


def test_a_macro_redefined_in_the_preamble(case: Tampered) -> None:
    case.swap("paper/paper.tex", "\\begin{document}", "\\renewcommand{\\result}[1]{99.9}\n\\begin{document}")
    case.reseal()
    audit = audit_run(case.folder)
    assert kinds(audit) == {"numbers"}, show(audit)


def test_a_number_typed_into_a_table(case: Tampered) -> None:
    case.swap("paper/tables/main.tex", "\\result{mean.proposed", "99.9 \\result{mean.proposed")
    case.reseal()
    audit = audit_run(case.folder)
    assert kinds(audit) == {"numbers"}, show(audit)


@pytest.mark.parametrize("part", ["caption", "note", "header", "rows"])
def test_a_number_typed_into_the_analysis_table(case: Tampered, part: str) -> None:
    def change(analysis: dict) -> None:  # type: ignore[type-arg]
        table = analysis["tables"][0]
        if part == "rows":
            table["rows"][0][1] = "99.9"
        elif part == "header":
            table["header"][0] = "99.9"
        else:
            table[part] += " 99.9"

    edit_json(case, "analysis/analysis.json", change)
    audit = audit_run(case.folder)
    assert [f for f in found(audit, "typed numbers: 99.9") if f.check == "numbers"], show(audit)


# Citations


def test_an_entry_that_is_never_cited(case: Tampered) -> None:
    case.write("paper/references.bib", case.read("paper/references.bib") + "\n@misc{unread,\n  title = {Unread}\n}\n")
    case.reseal()
    audit = audit_run(case.folder)
    assert kinds(audit) == {"citations"}, show(audit)
    assert found(audit, "never cited")


def test_a_changed_entry(case: Tampered) -> None:
    case.swap("paper/references.bib", "year = {", "year = {1")
    case.reseal()
    audit = audit_run(case.folder)
    assert kinds(audit) == {"citations"}, show(audit)


@pytest.mark.parametrize("forged", [False, True])
def test_an_invented_work(case: Tampered, forged: bool) -> None:
    in_section(case, "introduction", "As is known~\\citep{invented2026work}.", forged=forged)
    audit = audit_run(case.folder)
    assert kinds(audit) == ({"citations"} if forged else {"citations", "numbers"}), show(audit)
    assert found(audit, "which the survey did not retrieve")


def reported(case: Tampered, quote: str, abstract: str | None = None) -> None:
    """Let the survey report a score of its first work."""
    work = case.json("ideation/survey.json")["papers"][0]
    record = {
        "paper": work["key"],
        "method": None,
        "dataset": None,
        "metric": "accuracy",
        "value": 97.3,
        "quote": quote,
    }

    def change(survey: dict) -> None:  # type: ignore[type-arg]
        survey["evidence"] = [record]
        survey["papers"][0]["abstract"] = abstract or survey["papers"][0]["abstract"]

    edit_json(case, "ideation/survey.json", change)
    case.write("ideation/evidence.jsonl", json.dumps(record) + "\n")


def test_a_score_that_its_source_states(case: Tampered) -> None:
    quote = "It reaches an accuracy of 97.3 on iris flowers"
    reported(case, quote, f"We study flowers. {quote}.")
    assert audit_run(case.folder).passed


def test_a_score_that_a_kept_passage_states(case: Tampered) -> None:
    quote = "It reaches an accuracy of 97.3 on iris flowers"
    reported(case, quote)
    assert kinds(audit_run(case.folder)) == {"evidence"}
    key = case.json("ideation/survey.json")["papers"][0]["key"]
    case.path("ideation/texts").mkdir()
    case.write(f"ideation/texts/{key}.txt", f"Passage one.\n{quote}.")
    assert audit_run(case.folder).passed


def test_a_score_with_an_invented_quote(case: Tampered) -> None:
    reported(case, "It reaches an accuracy of 97.3 on iris flowers", "We study flowers and reach no accuracy.")
    audit = audit_run(case.folder)
    assert kinds(audit) == {"evidence"}, show(audit)
    assert found(audit, "reports accuracy 97.3")


def test_evidence_that_the_survey_does_not_have(case: Tampered) -> None:
    case.write("ideation/evidence.jsonl", "")
    edit_json(case, "ideation/survey.json", lambda survey: survey.update(evidence=[]))
    assert audit_run(case.folder).passed
    reported(case, "accuracy of 97.3", "An accuracy of 97.3 is seen.")
    case.write("ideation/evidence.jsonl", "")
    assert kinds(audit_run(case.folder)) == {"evidence"}


def test_a_work_forged_into_the_survey(case: Tampered) -> None:
    def change(survey: dict) -> None:  # type: ignore[type-arg]
        for paper in survey["papers"]:
            paper["title"] = "The Present Method Is Best"

    edit_json(case, "ideation/survey.json", change)
    audit = audit_run(case.folder)
    assert "citations" in kinds(audit), show(audit)
    assert found(audit, "which has no such work")


# Figures


def figure_id(case: Tampered) -> str:
    return str(case.json("analysis/analysis.json")["figures"][0]["id"])


def test_a_swapped_figure(case: Tampered) -> None:
    name = figure_id(case)
    case.path(f"paper/figures/{name}.pdf").write_bytes(b"%PDF-1.4 another")
    case.reseal()
    audit = audit_run(case.folder)
    assert kinds(audit) == {"figures"}, show(audit)


def test_a_figure_swapped_in_both_places(case: Tampered) -> None:
    name = figure_id(case)
    for folder in ("paper/figures", "analysis/figures"):
        case.path(f"{folder}/{name}.pdf").write_bytes(b"%PDF-1.4 another")
    case.reseal()
    audit = audit_run(case.folder)
    assert kinds(audit) == {"figures"}, show(audit)
    assert found(audit, "is not what the records draw")


@pytest.mark.parametrize("change", ["value", "dropped", "caption", "empty"])
def test_an_edited_sidecar(case: Tampered, change: str) -> None:
    def edit(drawing: dict) -> None:  # type: ignore[type-arg]
        if change == "value":
            drawing["values"][0]["value"] += 0.1
        elif change == "dropped":
            del drawing["values"][0]
        elif change == "empty":
            drawing["values"] = []
        else:
            drawing["figure"]["caption"] = "Something else."

    edit_json(case, f"analysis/figures/{figure_id(case)}.json", edit)
    audit = audit_run(case.folder)
    assert kinds(audit) == {"figures"}, show(audit)


# Method


def config_change(**changes: object) -> Callable[[str], str]:
    return lambda text: json.dumps({**json.loads(text), **changes}, indent=1) + "\n"


@pytest.mark.parametrize(
    "changes",
    [{"datasets": ["iris"]}, {"metrics": []}, {"measures": ["latency_ms"]}, {"slices": True}, {"methods": []}],
)
def test_a_configuration_of_another_study(case: Tampered, changes: dict[str, object]) -> None:
    commit_change(case, "config.json", config_change(**changes), forged=True)
    audit = audit_run(case.folder)
    assert kinds(audit) == {"method", "provenance"}, show(audit)


def test_a_component_that_is_not_implemented(case: Tampered) -> None:
    component = case.json("planning/blueprint.json")["components"][0]["id"]
    commit_change(case, "models.py", lambda text: text.replace(f'"{component}":', '"other":'), forged=True)
    audit = audit_run(case.folder)
    assert kinds(audit) == {"method", "provenance"}, show(audit)
    assert found(audit, f"COMPONENTS lacks {component}")


def test_a_component_that_does_nothing(case: Tampered) -> None:
    component = case.json("planning/blueprint.json")["components"][0]["id"]

    def hollow(text: str) -> str:
        start = text.index(f'"{component}": ') + len(f'"{component}": ')
        function = text[start:].split(",")[0].split("}")[0].strip()
        return text.replace(function, "nothing") + '\n\ndef nothing(recipe):\n    """Nothing."""\n'

    commit_change(case, "models.py", hollow, forged=True)
    audit = audit_run(case.folder)
    assert found(audit, f"{component} does nothing"), show(audit)


def test_a_taboo_import(case: Tampered) -> None:
    commit_change(case, "models.py", lambda text: "import torch\n" + text, forged=True)
    audit = audit_run(case.folder)
    assert kinds(audit) == {"method", "provenance"}, show(audit)
    assert found(audit, 'imports torch, against the taboo "deep learning"')


def test_exchanged_rows_of_the_main_table(case: Tampered) -> None:
    def change(analysis: dict) -> None:  # type: ignore[type-arg]
        rows = next(table for table in analysis["tables"] if table["id"] == "main")["rows"]
        rows[0][0], rows[1][0] = rows[1][0], rows[0][0]

    edit_json(case, "analysis/analysis.json", change)
    audit = audit_run(case.folder)
    assert [f for f in found(audit, "has the numbers of") if f.check == "method"], show(audit)


def test_a_dropped_row_of_the_main_table(case: Tampered) -> None:
    edit_json(case, "analysis/analysis.json", lambda a: a["tables"][0]["rows"].pop())
    audit = audit_run(case.folder)
    assert found(audit, "one row for each method"), show(audit)


def test_a_column_of_another_setting(case: Tampered) -> None:
    edit_json(case, "analysis/analysis.json", lambda a: a["tables"][0]["header"].__setitem__(1, "Another data set"))
    audit = audit_run(case.folder)
    assert [f for f in found(audit, "the column Another data set") if f.check == "method"], show(audit)


# Build


def test_a_source_changed_after_the_build(case: Tampered) -> None:
    edit_json(case, "paper/build.json", lambda b: b["inputs"].update({"paper.tex": "0" * 64}))
    audit = audit_run(case.folder)
    assert kinds(audit) == {"build"}, show(audit)


def test_a_pdf_that_nobody_made(case: Tampered) -> None:
    case.path("paper/paper.pdf").write_bytes(b"%PDF-1.4")
    audit = audit_run(case.folder)
    assert kinds(audit) == {"build"}, show(audit)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"engine": "pdflatex", "errors": ["boom"]}, "could not be typeset"),
        ({"engine": "pdflatex", "ok": True, "pdf_sha256": "0" * 64}, "is missing"),
        ({"undefined": ["citation x"]}, "lacks citation x"),
    ],
)
def test_a_build_that_failed(case: Tampered, changes: dict[str, object], text: str) -> None:
    edit_json(case, "paper/build.json", lambda b: b.update(changes))
    audit = audit_run(case.folder)
    assert kinds(audit) == {"build"}, show(audit)
    assert found(audit, text)


def test_a_reference_without_target(case: Tampered) -> None:
    in_section(case, "results", "See Table~\\ref{tab:nowhere}.", forged=True)
    audit = audit_run(case.folder)
    assert kinds(audit) == {"build"}, show(audit)


# Integrity


def test_a_false_verdict(case: Tampered) -> None:
    verdict = case.json("analysis/analysis.json")["verdict"]
    other = "supported" if verdict != "supported" else "refuted"
    edit_json(case, "analysis/analysis.json", lambda a: a.update(verdict=other))
    audit = audit_run(case.folder)
    assert kinds(audit) == {"integrity"}, show(audit)
    assert found(audit, f"calls the hypothesis {other}")


@pytest.mark.parametrize("section", ["abstract", "results", "discussion", "conclusion"])
def test_a_verdict_in_words_that_is_not_the_verdict(case: Tampered, section: str) -> None:
    verdict = case.json("analysis/analysis.json")["verdict"]
    said = "The outcome is \\emph{inconclusive}." if verdict != "inconclusive" else "The hypothesis is sup\\-ported."
    in_section(case, section, said, forged=True)
    audit = audit_run(case.folder)
    assert kinds(audit) == {"integrity"}, show(audit)
    assert [f for f in found(audit, "but the verdict of the analysis is") if f.where == section], show(audit)


@pytest.mark.parametrize(
    ("verdict", "text", "wrong"),
    [
        ("supported", "The hypothesis is supported. This supports the hypothesis.", False),
        ("supported", "It was asked whether the hypothesis is refuted.", False),
        ("supported", "The hypothesis is not supported.", True),
        ("supported", "These runs do not support the hypothesis.", True),
        ("refuted", "The hypothesis was not confirmed; it is refuted.", False),
        ("refuted", "The hypothesis~is clearly supported.", True),
        ("refuted", "The answer remains inconclusive.", True),
        ("inconclusive", "By the rule, the prediction was not confirmed, and neither was its opposite.", False),
        ("inconclusive", "The hypothesis is neither supported nor refuted.", False),
        ("inconclusive", "The prediction came true.", True),
        ("inconclusive", "The hypothesis is refuted.", True),
    ],
)
def test_words_that_contradict_a_verdict(finished: RunFolder, verdict: str, text: str, wrong: bool) -> None:
    case = Case(finished)
    case.analysis = case.analysis.model_copy(update={"verdict": verdict})
    paper = f"\\begin{{abstract}}\n{text}\n\\end{{abstract}}\n\\section{{Setup}}\\label{{sec:setup}}\n\\end{{document}}"
    case.text = lambda name: paper  # type: ignore[method-assign]
    assert bool(list(_stated(case))) is wrong


def test_a_false_finding(case: Tampered) -> None:
    def turn(analysis: dict) -> None:  # type: ignore[type-arg]
        finding = analysis["findings"][0]
        finding["verdict"] = "worse" if finding["verdict"] == "better" else "better"

    edit_json(case, "analysis/analysis.json", turn)
    assert kinds(audit_run(case.folder)) == {"integrity"}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"comparison": "unplanned"}, "was not planned"),
        ({"comparison": None}, "has 0 findings"),
        ({"metric": "another"}, "is about something else"),
        ({"kind": "component"}, "is not of the rank"),
    ],
)
def test_a_finding_that_rests_on_nothing(case: Tampered, changes: dict[str, object], text: str) -> None:
    edit_json(case, "analysis/analysis.json", lambda a: a["findings"][0].update(changes))
    audit = audit_run(case.folder)
    assert kinds(audit) == {"integrity"}, show(audit)
    assert found(audit, text), show(audit)


def test_a_finding_left_out(case: Tampered) -> None:
    edit_json(case, "analysis/analysis.json", lambda a: a["findings"].pop(0))
    audit = audit_run(case.folder)
    assert kinds(audit) == {"integrity"}, show(audit)


def test_attempts_that_run_json_does_not_count(case: Tampered) -> None:
    edit_json(case, "run.json", lambda r: r.update(failed_attempts=0))
    assert kinds(audit_run(case.folder)) == {"integrity"}


def test_a_review_of_another_revision(case: Tampered) -> None:
    lines = case.read("review/reviews.jsonl").splitlines()
    last = json.loads(lines[-1])
    lines[-1] = json.dumps({**last, "revision": last["revision"] + 1})
    case.write("review/reviews.jsonl", "\n".join(lines) + "\n")
    assert kinds(audit_run(case.folder)) == {"integrity"}


# With TeX


def set_paper(case: Tampered, folder: str = "paper") -> None:
    """Compile the sources of a folder as a run does; PDF and build.json go into the paper."""
    epoch = int(datetime.fromisoformat(case.json("run.json")["created"]).timestamp())
    build = compile_pdf(case.path(folder), PaperConfig(), epoch=epoch)
    assert build.ok, build.errors
    if folder != "paper":
        shutil.copyfile(case.path(f"{folder}/paper.pdf"), case.path("paper/paper.pdf"))
    case.folder.save("paper/build.json", build)


@pytest.mark.tex
@pytest.mark.skipif(find_latex() is None, reason="LaTeX is not installed")
def test_an_exchanged_pdf(case: Tampered, tmp_path: Path) -> None:
    set_paper(case)
    audit = audit_run(case.folder)
    assert audit.passed, show(audit)
    assert audit.unverified == ()
    honest = case.path("paper/paper.pdf").read_bytes()
    case.path("paper/paper.pdf").write_bytes(honest + b" ")
    audit = audit_run(case.folder)
    assert kinds(audit) == {"build"}, show(audit)

    edit_json(case, "paper/build.json", lambda b: b.update(pdf_sha256=hashlib.sha256(honest + b" ").hexdigest()))
    audit = audit_run(case.folder)
    if shutil.which("pdftotext"):
        assert audit.passed, show(audit)
        assert len(audit.unverified) == 1
    else:
        assert kinds(audit) == {"build"}, show(audit)

    shutil.copytree(case.path("paper"), case.path("forged"))
    case.swap("forged/paper.tex", "\\label{sec:introduction}", "\\label{sec:introduction} It reaches 99.9\\%.")
    set_paper(case, "forged")
    shutil.rmtree(case.path("forged"))
    case.reseal()
    audit = audit_run(case.folder)
    assert kinds(audit) == {"build"}, show(audit)
    assert len(audit.findings) == 1
    assert audit.findings[0].where == "paper/paper.pdf"


def test_a_pdf_that_cannot_be_set_again_for_lack_of_latex(case: Tampered, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nanoresearch.evidence.audit.build.find_latex", lambda: None)
    case.path("paper/paper.pdf").write_bytes(b"%PDF-1.4")
    digest = hashlib.sha256(b"%PDF-1.4").hexdigest()
    edit_json(case, "paper/build.json", lambda b: b.update(engine="pdflatex", ok=True, pages=1, pdf_sha256=digest))
    audit = audit_run(case.folder)
    assert audit.passed, show(audit)
    assert audit.unverified == ("the PDF was not set again: LaTeX is missing",)
