"""What keeps experiment code away from the rest of the machine."""

from typing import Literal

from nanoresearch.schema.record import Record

Sandbox = Literal["bubblewrap", "landlock", "none"]


class Isolation(Record):
    """A sandbox that was really started and looked at from inside."""

    kind: Sandbox
    """Mechanism; none when nothing isolates."""
    namespaces: bool = False
    """Whether processes, network and mounts are its own; without them Landlock and a system call filter stand alone."""
    detail: str = ""
    """Program and version, or ABI of the kernel's interface."""
    missing: tuple[str, ...] = ()
    """Why what was tried before it, or all that was tried, does not isolate here."""

    @property
    def strength(self) -> int:
        """For comparison: more keeps more apart."""
        return {"none": 0, "landlock": 1, "bubblewrap": 3}[self.kind] + (self.kind == "landlock" and self.namespaces)

    def words(self) -> str:
        """In one line, for people."""
        if self.kind == "none":
            return "none: experiment code can read, write and reach whatever the user can"
        alone = "" if self.namespaces else ", without namespaces"
        return f"{self.kind} ({self.detail}{alone})"
