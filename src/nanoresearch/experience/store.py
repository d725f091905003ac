"""Skills and memories in one file that several processes may use at once.

Decides nothing about relevance (see `retrieve`), sameness (see `merge`) or trust (see `life_cycle`); it keeps records,
their history and the index in step, each change in one transaction.
"""

import difflib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from pydantic import ValidationError

from nanoresearch.errors import StoreError, UsageError
from nanoresearch.events import now_utc
from nanoresearch.experience import merge as same
from nanoresearch.experience.database import TABLES, Database, Table
from nanoresearch.experience.index import E, best_matches, derive, derive_all, parsed, seconds, table_of, underive
from nanoresearch.experience.life_cycle import confidence, credit, judge, revive
from nanoresearch.experience.linter import dangers, lint_skill
from nanoresearch.schema.experience import (
    Absorbed,
    Credit,
    HistoryEntry,
    Lessons,
    Memory,
    MemoryKind,
    Skill,
    SkillKind,
    SkillStatus,
)

LARGEST_ENTRY = 100_000
"""Characters of an entry as JSON, at most."""
_ALIKE = 40
_CONTROL = {code: " " for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}


class ExperienceStore:
    """Skills and memories. A store that does not exist yet is empty; the first write makes it."""

    def __init__(self, path: Path, *, clock: Callable[[], datetime] = now_utc) -> None:
        self._clock = clock
        self.database = Database(path, derive_all)

    def __enter__(self) -> "ExperienceStore":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self.database.close()

    def now(self) -> datetime:
        """The time by the store's clock."""
        return self._clock()

    # Reading

    def skills(self, kind: SkillKind | None = None, status: SkillStatus | None = None) -> list[Skill]:
        """Skills, the surest first, then the most used."""
        found = [skill for skill in self._all(Skill, kind) if status in (None, skill.status)]
        return sorted(found, key=lambda skill: (-confidence(skill), -skill.uses, skill.id))

    def memories(
        self, profile: str | None = None, kind: MemoryKind | None = None, *, current: bool = True
    ) -> list[Memory]:
        """Memories, the newest first; current ones are neither expired nor superseded."""
        now = self.now()
        found = [
            memory
            for memory in self._all(Memory, profile)
            if kind in (None, memory.kind) and (not current or is_current(memory, now))
        ]
        return sorted(found, key=lambda memory: (memory.updated, memory.id), reverse=True)

    def skill(self, name: str) -> Skill:
        """The skill with this id, former id or unique prefix. Raises UsageError naming close ones."""
        return self._named(Skill, name)[1]

    def memory(self, name: str) -> Memory:
        """The memory with this id or unique prefix. Raises UsageError naming close ones."""
        return self._named(Memory, name)[1]

    def history(self, name: str) -> list[HistoryEntry]:
        """What happened to a skill or memory, oldest first. Raises UsageError where there is none of this name."""
        ids = self._matches("skills", name) or self._matches("memories", name)
        if len(ids) != 1:
            raise self._unknown("skill or memory", name, ids, TABLES)
        rows = self.database.read(
            "SELECT time, event, run, project, note FROM history WHERE id = ? ORDER BY number", (ids[0],)
        )
        fields = ("time", "event", "run", "project", "note")
        return [HistoryEntry.model_validate(dict(zip(fields, row, strict=True))) for row in rows]

    def unreadable(self) -> list[str]:
        """Entries that cannot be read, in words. They are left as they are and skipped everywhere else."""
        problems = []
        for table in TABLES:
            kind = Skill if table == "skills" else Memory
            for _, name, record in self.database.read_records(table):
                try:
                    kind.model_validate_json(record)
                except ValidationError as error:
                    reason = str(error.errors()[0]["msg"])
                    problems.append(f"{kind.__name__} {name!r} cannot be read: {reason}.")
            lost = self._lost(table)
            if lost:
                problems.append(f"{lost} of the {table} lie in a damaged part of {self.database.path}.")
        return problems

    # Writing

    def put_skill(
        self, skill: Skill, *, event: str = "created", run: str = "", project: str = "", note: str = ""
    ) -> str:
        """Keep a skill, or merge it into the one that says the same. The id of the entry that now holds it.

        Raises StoreError where it is too large, no valid record, or dangerous to show to a model.
        """
        entry = self._stamped(_checked(skill))
        if problems := dangers(entry):
            raise StoreError(f"Skill {_short(entry.id)} cannot be kept: {problems[0]}")
        with self.database.write():
            return self._keep_skill(entry, event, run, project, note)[0]

    def put_memory(self, memory: Memory) -> str:
        """Keep a memory. The id of the entry that now holds it.

        Under the same conditions the same outcome confirms what is known, another one takes its place, unless it tells
        of an earlier time. Raises StoreError where it is too large or no valid record.
        """
        entry = self._stamped(_checked(memory))
        with self.database.write():
            return self._keep_memory(entry)[0]

    def absorb(self, lessons: Lessons, *, run: str, stage: str, project: str) -> Absorbed:
        """Take in what a stage taught, all or nothing, once: a second call for a run and stage gives the first answer.

        An entry that cannot be kept is rejected with the reason and the others stay.
        """
        with self.database.write() as connection:
            query = "SELECT answer FROM absorbed WHERE run = ? AND stage = ?"
            known = connection.execute(query, (run, stage)).fetchone()
            if known:
                return Absorbed.model_validate_json(known[0])
            tally: dict[str, list[str]] = {field: [] for field in Absorbed.model_fields}
            for outcome in lessons.credits:
                self._absorb_credit(outcome, run, project, tally)
            for skill in lessons.skills:
                self._absorb_skill(skill, run, project, tally)
            for memory in lessons.memories:
                self._absorb_memory(memory, tally)
            answer = Absorbed.model_validate({field: tuple(dict.fromkeys(ids)) for field, ids in tally.items()})
            connection.execute("INSERT INTO absorbed VALUES (?, ?, ?)", (run, stage, answer.model_dump_json()))
            return answer

    def retire(self, name: str, note: str = "") -> Skill:
        """Take a skill out of use."""
        with self.database.write():
            number, skill = self._named(Skill, name)
            retired = self._touched(skill.model_copy(update={"status": "retired"}))
            self._save(number, retired)
            self._tell(skill.id, "retired", note=note)
            return retired

    def restore(self, name: str) -> Skill:
        """Put a retired skill in use again; one that its record would retire at once starts without a record."""
        with self.database.write():
            number, skill = self._named(Skill, name)
            if skill.status != "retired":
                return skill
            alive = self._touched(revive(skill))
            self._save(number, alive)
            anew = alive.uses != skill.uses
            self._tell(
                skill.id,
                "restored",
                note=f"starts anew; it had {skill.successes} successes and {skill.failures} failures" if anew else "",
            )
            return alive

    def merge(self, keep: str, other: str) -> Skill:
        """Make one skill of two of the same kind; the first gives name and words. Raises UsageError."""
        with self.database.write():
            number, first = self._named(Skill, keep)
            dropped, second = self._named(Skill, other)
            if number == dropped:
                raise UsageError(f"{keep!r} and {other!r} are the same skill.")
            if first.kind != second.kind:
                raise UsageError(f"{first.id} serves {first.kind}, {second.id} serves {second.kind}: they stay apart.")
            if second.remedy not in (None, first.remedy):
                raise UsageError(
                    f"What {second.id} does would be lost, for {first.id} does something else: they stay apart."
                )
            both = self._touched(same.merge_skills(first, second))
            self._delete("skills", dropped)
            self._rename(second.id, both.id)
            self._save(number, both)
            self._tell(both.id, "merged", note=f"took in {second.id}")
            return both

    def forget(self, name: str) -> Memory:
        """Delete a memory for good: its text, index, history and name, also from the free space of the file."""
        with self.database.write() as connection:
            number, memory = self._named(Memory, name)
            self._delete("memories", number)
            connection.execute("DELETE FROM history WHERE id = ?", (memory.id,))
            connection.execute(
                "UPDATE absorbed SET answer = replace(answer, ?, ?)", (json.dumps(memory.id), json.dumps("forgotten"))
            )
            # Deleted words stay in the segments of the index until these are merged.
            connection.execute("INSERT INTO memories_index(memories_index) VALUES ('optimize')")
        self.database.scrub()
        return memory

    # Rules of absorption

    def _absorb_credit(self, outcome: Credit, run: str, project: str, tally: dict[str, list[str]]) -> None:
        ids = self._matches("skills", outcome.skill, prefix=False)
        if not ids:
            tally["rejected"].append(f"credit for {outcome.skill}: there is no such skill")
            return
        number, skill = self._named(Skill, ids[0])
        used = credit(skill, outcome.helped, project, self.now())
        self._save(number, used)
        self._tell(skill.id, "credited" if outcome.helped else "debited", run, project, outcome.why)
        self._tell_status(skill, used, run, project, tally)

    def _absorb_skill(self, skill: Skill, run: str, project: str, tally: dict[str, list[str]]) -> None:
        try:
            entry = self._stamped(_checked(skill))
        except StoreError as error:
            tally["rejected"].append(f"{_short(skill.id)}: {error}")
            return
        if problems := lint_skill(entry):
            tally["rejected"].append(f"{_short(skill.id)}: {problems[0]}")
            return
        self._keep_skill(entry, "created", run, project, "", tally)

    def _absorb_memory(self, memory: Memory, tally: dict[str, list[str]]) -> None:
        try:
            entry = self._stamped(_checked(memory))
        except StoreError as error:
            tally["rejected"].append(f"{_short(memory.id)}: {error}")
            return
        name, new, superseded = self._keep_memory(entry)
        if new:
            tally["new_memories"].append(name)
        tally["superseded"] += superseded

    def _keep_skill(
        self, skill: Skill, event: str, run: str, project: str, note: str, tally: dict[str, list[str]] | None = None
    ) -> tuple[str, bool]:
        """Insert or merge. The id that holds the skill, and whether it is new."""
        tally = tally if tally is not None else {"promoted": [], "retired": [], "new_skills": [], "merged_skills": []}
        twin = self._twin(skill)
        if twin is None:
            entry = skill.model_copy(update={"id": self._free_id(skill.id), "status": judge(skill)})
            self._insert(entry)
            self._tell(entry.id, event, run, project, note)
            tally["new_skills"].append(entry.id)
            return entry.id, True
        number, known = twin
        own = event == "created"  # words and evidence of others do not count here
        better = own and known.status != "retired" and same.more_confirmed(known, skill)
        if not own:
            skill = skill.model_copy(update={"seen": 0, "uses": 0, "successes": 0, "failures": 0, "projects": ()})
        both = same.merge_skills(skill, known) if better else same.merge_skills(known, skill)
        if both.id != known.id:
            both = both.model_copy(update={"id": self._free_id(both.id)})
            self._rename(known.id, both.id)
        both = self._touched(both)
        self._save(number, both)
        told = "merged" if event == "created" else event
        self._tell(both.id, told, run, project, note or f"the same as {skill.id}")
        self._tell_status(known, both, run, project, tally)
        tally["merged_skills"].append(both.id)
        return both.id, False

    def _keep_memory(self, memory: Memory) -> tuple[str, bool, list[str]]:
        """Insert, confirm or supersede. The id that holds it, whether it is new, and whose place it took."""
        twins = [
            (number, known)
            for number, known in self._of_key(Memory, same.memory_key(memory))
            if known.superseded_by is None and same.same_matter(known, memory)
        ]
        for number, known in twins:
            if known.outcome == memory.outcome:
                both = same.confirm(known, memory)
                self._save(number, both)
                self._tell(known.id, "confirmed", memory.run, memory.project)
                return known.id, False, []
        name = self._free_id(memory.id)
        newer = next((known for _, known in twins if same.older(memory, known)), None)
        self._insert(memory.model_copy(update={"id": name, "superseded_by": newer.id if newer else None}))
        self._tell(name, "created", memory.run, memory.project)
        if newer:
            self._tell(name, "superseded", newer.run, newer.project, f"by {newer.id}")
            return name, True, [name]
        for number, known in twins:
            self._save(number, known.model_copy(update={"superseded_by": name}))
            self._tell(known.id, "superseded", memory.run, memory.project, f"by {name}")
        return name, True, [known.id for _, known in twins]

    def _twin(self, skill: Skill) -> tuple[int, Skill] | None:
        """The entry that says the same, retired ones included: a harmful rule must not come back under a new name.

        Where only the wording can tell, the entries that share its rarest words are compared.
        """
        key = same.skill_key(skill)
        if key:
            candidates = self._of_key(Skill, key)
        else:
            numbers = best_matches(self.database, "skills", same.wording(skill), (skill.kind,), _ALIKE)
            candidates = self._read(Skill, "WHERE number IN (SELECT value FROM json_each(?))", (json.dumps(numbers),))
        alike = [(number, known) for number, known in candidates if same.same_skill(known, skill)]
        if len(alike) < 2:
            return alike[0] if alike else None
        text = same.wording(skill)
        return max(alike, key=lambda pair: same.similarity(same.wording(pair[1]), text))

    # Rows

    def _all(self, kind: type[E], shelf: str | None) -> list[E]:
        where = "" if shelf is None else f"WHERE number IN (SELECT number FROM {table_of(kind)}_facets WHERE shelf = ?)"
        return [entry for _, entry in self._read(kind, where, () if shelf is None else (shelf,))]

    def _of_key(self, kind: type[E], key: str) -> list[tuple[int, E]]:
        where = f"WHERE number IN (SELECT number FROM {table_of(kind)}_facets WHERE same = ? AND same <> '')"
        return self._read(kind, where, (key,))

    def _read(self, kind: type[E], where: str = "", values: tuple[Any, ...] = ()) -> list[tuple[int, E]]:
        rows = self.database.read_records(table_of(kind), where, values)
        return [(number, entry) for number, _, record in rows if (entry := parsed(kind, record)) is not None]

    def _named(self, kind: type[E], name: str) -> tuple[int, E]:
        table = table_of(kind)
        ids = self._matches(table, name)
        if len(ids) != 1:
            raise self._unknown(kind.__name__.lower(), name, ids, (table,))
        found = self._read(kind, "WHERE id = ?", (ids[0],))
        if not found:
            raise StoreError(f"{kind.__name__} {ids[0]} is there but cannot be read; `nanoresearch doctor` tells why.")
        return found[0]

    def _matches(self, table: Table, name: str, *, prefix: bool = True) -> list[str]:
        """Ids that a name may mean: the exact one, the one it was merged into, or all that begin with it."""
        found = self.database.read(f"SELECT id FROM {table} WHERE id = ?", (name,)) or self.database.read(
            f"SELECT now FROM renamed WHERE id = ? AND now IN (SELECT id FROM {table})", (name,)
        )
        if not found and prefix and name:
            found = self.database.read(
                f"SELECT id FROM {table} WHERE substr(id, 1, ?) = ? ORDER BY id", (len(name), name)
            )
        return [row[0] for row in found]

    def _unknown(self, what: str, name: str, ids: list[str], tables: tuple[Table, ...]) -> UsageError:
        if ids:
            return UsageError(f"Several are called {name!r}: {', '.join(ids[:8])}. Give more of the name.")
        known = [row[0] for table in tables for row in self.database.read(f"SELECT id FROM {table}")]
        if not known:
            return UsageError(f"There is no {what} yet in {self.database.path}.")
        close = difflib.get_close_matches(name, known, n=5, cutoff=0.4)
        hint = f"Close: {', '.join(close)}." if close else f"Known are {len(known)}, such as {', '.join(known[:3])}."
        return UsageError(f"There is no {what} called {name!r}. {hint}")

    def _free_id(self, wanted: str) -> str:
        taken = " UNION ALL ".join(f"SELECT 1 FROM {table} WHERE id = :id" for table in (*TABLES, "renamed"))
        name, number = wanted, 1
        with self.database.write() as connection:
            while connection.execute(taken, {"id": name}).fetchone():
                number += 1
                name = f"{wanted[: 63 - len(str(number))].rstrip('-')}-{number}"
        return name

    def _insert(self, entry: Skill | Memory) -> None:
        with self.database.write() as connection:
            table = table_of(type(entry))
            sql = f"INSERT INTO {table}(id, record) VALUES (?, ?)"
            number = connection.execute(sql, (entry.id, entry.model_dump_json())).lastrowid
            derive(connection, number or 0, entry)

    def _save(self, number: int, entry: Skill | Memory) -> None:
        with self.database.write() as connection:
            table = table_of(type(entry))
            sql = f"UPDATE {table} SET id = ?, record = ? WHERE number = ?"
            connection.execute(sql, (entry.id, entry.model_dump_json(), number))
            underive(connection, table, number)
            derive(connection, number, entry)

    def _delete(self, table: Table, number: int) -> None:
        with self.database.write() as connection:
            underive(connection, table, number)
            connection.execute(f"DELETE FROM {table} WHERE number = ?", (number,))

    def _rename(self, former: str, now: str) -> None:
        with self.database.write() as connection:
            connection.execute("UPDATE history SET id = ? WHERE id = ?", (now, former))
            connection.execute("UPDATE renamed SET now = ? WHERE now = ?", (now, former))
            connection.execute("INSERT OR REPLACE INTO renamed VALUES (?, ?)", (former, now))

    def _lost(self, table: Table) -> int:
        """Rows that are known to the facets and cannot be read."""
        try:
            expected = self.database.read(f"SELECT count(*) FROM {table}_facets")
        except StoreError:
            return 0
        return max(0, (expected[0][0] if expected else 0) - len(self.database.read_records(table)))

    # History

    def _tell(self, name: str, event: str, run: str = "", project: str = "", note: str = "") -> None:
        entry = HistoryEntry.model_validate(
            {"time": _iso(self.now()), "event": event, "run": run, "project": project, "note": note}
        )
        with self.database.write() as connection:
            connection.execute(
                "INSERT INTO history(id, time, event, run, project, note) VALUES (?, ?, ?, ?, ?, ?)",
                (name, entry.time, entry.event, entry.run, entry.project, entry.note),
            )

    def _tell_status(self, before: Skill, after: Skill, run: str, project: str, tally: dict[str, list[str]]) -> None:
        if after.status == before.status:
            return
        event = {"trusted": "promoted", "retired": "retired"}.get(after.status)
        if event:
            counts = f"{after.successes} successes and {after.failures} failures in {len(after.projects)} projects"
            self._tell(after.id, event, run, project, counts)
            tally[event].append(after.id)

    def _touched(self, skill: Skill) -> Skill:
        return skill.model_copy(update={"updated": _iso(self.now())})

    def _stamped(self, entry: E) -> E:
        """The entry with the present time where it has none, and times that compare as text. Raises StoreError."""
        now = _iso(self.now())
        times = {"created": _plain_time(entry, "created") or now, "updated": _plain_time(entry, "updated") or now}
        if isinstance(entry, Memory):
            return entry.model_copy(update={**times, "expires": _plain_time(entry, "expires") or None})
        return entry.model_copy(update=times)


def is_current(memory: Memory, now: datetime) -> bool:
    """Whether a memory is neither superseded nor expired. An expiry that cannot be read counts as past."""
    if memory.superseded_by is not None:
        return False
    ends = seconds(memory.expires) if memory.expires else None
    return memory.expires is None or (ends is not None and now.timestamp() < ends)


def _checked(entry: E) -> E:
    """The entry, valid, without control characters. Raises StoreError in words."""
    kind = type(entry)
    try:
        text = entry.model_dump_json()
        if len(text) > LARGEST_ENTRY:
            raise StoreError(
                f"{kind.__name__} {_short(entry.id)} has {len(text):,} characters and {LARGEST_ENTRY:,} is the most. "
                "Shorten it; the others are kept."
            )
        return kind.model_validate(_clean(json.loads(text)))
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"])) or "the whole"
        raise StoreError(f"{kind.__name__} {_short(entry.id)} cannot be kept: {where}: {problem['msg']}.") from error
    except (ValueError, RecursionError) as error:  # text that is no Unicode, facts that are no JSON
        raise StoreError(f"{kind.__name__} {_short(entry.id)} cannot be kept: {error}.") from error


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return value.translate(_CONTROL)
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, dict):
        return {_clean(name): _clean(item) for name, item in value.items()}
    return value


def _plain_time(entry: Skill | Memory, field: str) -> str:
    given = getattr(entry, field)
    if not given:
        return ""
    moment = seconds(given)
    if moment is None:
        raise StoreError(f"{type(entry).__name__} {entry.id} cannot be kept: {field} is no ISO time: {given!r}.")
    return _iso(datetime.fromtimestamp(moment, UTC))


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def _short(name: object) -> str:
    return str(name)[:64]
