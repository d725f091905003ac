"""Do skills and memories pay? Three related topics run twice with one profile, and once more without either.

Usage: python benchmarks/co_evolution.py [--repeats N] [--out FILE]

Makes a home of its own whose data folder is that of $NANORESEARCH_HOME (the data must have been fetched). Each repeat
starts from an empty store: first pass, second pass, then a pass with --no-skills --no-memory as control. Prints
Markdown: failed attempts, seconds of coding and execution, the hypothesis that was tested and what came of it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from nanoresearch.paths import Home

TOPICS = {
    "penguins": "Do pairwise interactions help logistic regression classify the Palmer penguins?",
    "credit": "Does class weighting raise the accuracy of logistic regression on the credit card default table?",
    "colleges": "Does feature selection help logistic regression tell private from public US colleges?",
}
PASSES = (("first", ()), ("second", ()), ("without", ("--no-skills", "--no-memory")))


def run_topic(topic: str, home: Path, options: tuple[str, ...]) -> dict[str, object]:
    """One run by the command line; what its records say of it."""
    command = [sys.executable, "-c", "from nanoresearch.cli.main import main; main()", "run", "--json", *options, topic]
    environment = {**os.environ, "NANORESEARCH_HOME": str(home)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    try:
        found = json.loads(done.stdout)
        folder = Path(found["folder"])
    except (ValueError, KeyError):
        raise SystemExit(f"exit {done.returncode}: {done.stderr[-800:]}") from None
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    phases = record["phases"]
    return {
        "exit": done.returncode,
        "failed": record["failed_attempts"],
        "seconds": sum(phases.get(name, {}).get("seconds", 0.0) for name in ("coding", "execution")),
        "cpu": record["experiment_cpu_seconds"],
        "skills": sum(phase["skills_retrieved"] for phase in phases.values()),
        "memories": sum(phase["memories_retrieved"] for phase in phases.values()),
        "hypothesis": (found.get("blueprint") or {}).get("hypothesis", ""),
        "verdict": (found.get("analysis") or {}).get("verdict", found.get("error", "")),
        "run": record["id"],
    }


def main() -> None:
    """Run, print, total."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    rows = []
    columns = ("repeat", "pass", "topic", "failed", "seconds", "cpu", "skills", "memories", "verdict", "hypothesis")
    print("| " + " | ".join(columns) + " |\n" + "|---" * len(columns) + "|")
    for repeat in range(options.repeats):
        home = Path(tempfile.mkdtemp(prefix="co-evolution-"))
        (home / "data").symlink_to(Home.find().data.resolve())
        for name, flags in PASSES:
            for topic, words in TOPICS.items():
                row = {"repeat": repeat, "pass": name, "topic": topic, **run_topic(words, home, flags)}
                rows.append(row)
                cells = [f"{row[c]:.1f}" if isinstance(row[c], float) else str(row[c]) for c in columns]
                print("| " + " | ".join(cells) + " |", flush=True)
    for name, _ in PASSES:
        chosen = [row for row in rows if row["pass"] == name]
        seconds, failed = (
            sum(float(str(row["seconds"])) for row in chosen),
            sum(int(str(row["failed"])) for row in chosen),
        )
        print(f"\n{name}: {failed} failed attempts, {seconds:.1f} s of coding and execution")
    again = {
        (row["repeat"], row["topic"], row["hypothesis"])
        for row in rows
        if row["pass"] == "second"
        for old in rows
        if old["pass"] == "first"
        and old["verdict"] == "refuted"
        and (old["repeat"], old["topic"], old["hypothesis"]) == (row["repeat"], row["topic"], row["hypothesis"])
    }
    print(f"refuted hypotheses tested again in the second pass: {len(again)}")
    if options.out:
        options.out.write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
