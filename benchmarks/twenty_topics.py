"""Run twenty topics through the whole pipeline and count what comes out.

Usage: python benchmarks/twenty_topics.py [--only ID ...] [--out FILE]

Every topic gets a run of its own in $NANORESEARCH_HOME; data that ride in packages must have been fetched, those that
are fetched only by name included (the script says which are missing). Prints a line for each topic, then totals.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent


def run_topic(topic: str) -> dict[str, object]:
    """One run by the command line, as a user would start it."""
    start = time.perf_counter()
    command = [sys.executable, "-c", "from nanoresearch.cli.main import main; main()", "run", "--json", topic]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        found = json.loads(done.stdout)
    except ValueError:
        found = {"error": done.stderr[-500:]}
    return {"exit": done.returncode, "wall_s": round(time.perf_counter() - start, 1), **found}


def line(name: str, found: dict[str, object]) -> str:
    """What is worth reading of one run."""
    blueprint, build, audit = (found.get(key) or {} for key in ("blueprint", "build", "audit"))
    outcome = "pdf" if found.get("pdf") else str(found.get("kind", "no pdf"))
    if audit:
        outcome += ", audit passed" if audit["passed"] else f", audit FAILED ({audit['findings']})"  # type: ignore[index]
    verdict = (found.get("analysis") or {}).get("verdict", "")  # type: ignore[attr-defined]
    pages = f"{build.get('pages')} pages" if build else ""  # type: ignore[attr-defined]
    study = blueprint.get("study", "")  # type: ignore[attr-defined]
    return f"{name:30s} exit {found['exit']}  {found['wall_s']:>6} s  {outcome:24s} {pages:9s} {study:26s} {verdict}"


def main() -> None:
    """Run, print, total."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    tasks = json.loads((HERE / "topics.json").read_text(encoding="utf-8"))
    rows = {}
    for task in tasks:
        if options.only and task["id"] not in options.only:
            continue
        rows[task["id"]] = found = run_topic(task["topic"])
        print(line(task["id"], found), flush=True)
        if found["exit"] != 0:
            print("    ", str(found.get("error", ""))[:300].replace("\n", " "), flush=True)
    good = sum(found["exit"] == 0 and bool(found.get("pdf")) for found in rows.values())
    refused = sum(found.get("kind") in ("TopicRefused", "DatasetError") for found in rows.values())
    print(f"{good} of {len(rows)} ended in a PDF that passes its audit, {refused} in a refusal")
    if options.out:
        options.out.write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
