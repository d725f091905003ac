"""The folder of a benchmark: which cells there are, where each is kept, and what is shared.

BENCH/
  bench.json                                    configuration before ablations, data, models
  cells/ABLATION/TASK/seed-S/round-R.json       how a cell went; held-out.json for the topic without feedback
  homes/ABLATION/TASK/seed-S/                   home of a chain of rounds: runs, skills, memories, planner
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nanoresearch.config import Config, validate
from nanoresearch.errors import CorruptRecord, UsageError
from nanoresearch.paths import Home, RunFolder, json_lines, read_lines, read_record, write_atomic
from nanoresearch.schema.benchmark import Ablation, BenchSettings, Cell, CellRecord, Judgement
from nanoresearch.schema.record import Record

SETTINGS = "bench.json"
ABLATIONS: tuple[Ablation, ...] = ("full", "no-skills", "no-memory", "no-learning", "static")


class Started(Record):
    """A cell whose run has been made and has not ended."""

    run: str
    """Its id."""


@dataclass(frozen=True)
class Chain:
    """Rounds of one task by one researcher, whose system remembers from round to round."""

    task: str
    ablation: Ablation
    seed: int

    @property
    def name(self) -> str:
        """Its folder below cells/ and homes/."""
        return f"{self.ablation}/{self.task}/seed-{self.seed}"

    def cell(self, number: int, *, held_out: bool = False) -> Cell:
        """One round of it, or the held-out topic after that round."""
        return Cell(task=self.task, ablation=self.ablation, seed=self.seed, round=number, held_out=held_out)


@dataclass(frozen=True)
class BenchFolder:
    """The files of one benchmark."""

    root: Path

    def settings(self) -> BenchSettings:
        """What all cells share. Raises UsageError where there is no benchmark."""
        if not (self.root / SETTINGS).exists():
            raise UsageError(f"{self.root} holds no benchmark. Make one with: nanoresearch bench run --out FOLDER")
        return read_record(self.root / SETTINGS, BenchSettings)

    def config(self) -> Config:
        """The configuration before ablations."""
        return validate(Config, self.settings().config, f"{self.root / SETTINGS}: config")

    def begin(self, settings: BenchSettings) -> None:
        """Keep what all cells share. Raises UsageError when the folder has cells that were made otherwise."""
        if (self.root / SETTINGS).exists():
            if self.settings() != settings:
                raise UsageError(
                    f"{self.root} was begun with other settings (see {SETTINGS} there): cells made with both cannot be "
                    "compared. Name another folder with --out, or repeat the settings."
                )
            return
        write_atomic(self.root / SETTINGS, settings.model_dump_json(indent=1) + "\n")

    def home(self, chain: Chain) -> Home:
        """The home of a chain."""
        return Home(self.root / "homes" / chain.name)

    def path(self, cell: Cell) -> Path:
        """Where a cell's record is kept."""
        chain = Chain(cell.task, cell.ablation, cell.seed)
        name = f"held-out-{cell.round}.json" if cell.held_out else f"round-{cell.round}.json"
        return self.root / "cells" / chain.name / name

    def load(self, cell: Cell) -> CellRecord | None:
        """How a cell went; None when it has not ended."""
        path = self.path(cell)
        return read_record(path, CellRecord) if path.exists() else None

    def save(self, record: CellRecord) -> None:
        """Keep how a cell went, and forget that it was begun."""
        path = self.path(record.cell)
        write_atomic(path, record.model_dump_json(indent=1) + "\n")
        path.with_suffix(".started").unlink(missing_ok=True)

    def asked(self, cell: Cell) -> RunFolder:
        """Where what language models were asked about a cell is kept."""
        path = self.path(cell)
        return RunFolder(self.root / "asked" / path.parent.relative_to(self.root / "cells") / path.stem)

    def judged(self, cell: Cell) -> tuple[Judgement, ...]:
        """What a language model said of a cell's paper; empty where none was asked."""
        return tuple(read_lines(self.path(cell).with_suffix(".judged.jsonl"), Judgement))

    def keep_judged(self, cell: Cell, judged: tuple[Judgement, ...]) -> None:
        """Keep what a language model said."""
        write_atomic(self.path(cell).with_suffix(".judged.jsonl"), json_lines(judged))

    def started(self, cell: Cell) -> str | None:
        """The run of a cell that was begun and has not ended."""
        path = self.path(cell).with_suffix(".started")
        return read_record(path, Started).run if path.exists() else None

    def start(self, cell: Cell, run: str) -> None:
        """Note the run of a cell before it is carried on."""
        write_atomic(self.path(cell).with_suffix(".started"), Started(run=run).model_dump_json() + "\n")

    def run_folder(self, record: CellRecord) -> RunFolder | None:
        """The run of a cell; None when none could be started. Raises CorruptRecord when it is not there any more."""
        if record.run is None:
            return None
        folder = RunFolder(self.root / record.home / "runs" / record.run)
        if not folder.has("run.json"):
            raise CorruptRecord(
                f"The run {folder.root} of {self.path(record.cell)} is gone, and scores are read from it. Restore it, "
                "or delete the cell and run the benchmark again."
            )
        return folder

    def records(self) -> Iterator[CellRecord]:
        """Every cell that has ended, in order of its name."""
        for path in sorted((self.root / "cells").glob("*/*/seed-*/*.json")):
            yield read_record(path, CellRecord)
