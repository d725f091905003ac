"""What a TeX log says: pages, errors, lines that stick out, references without target."""

import re
from dataclasses import dataclass

OVERFULL_PT = 2.0
"""Lines that stick out by less are not worth a reader's notice."""

_PAGES = re.compile(r"Output written on .*?\((\d+) pages?,")
_ERROR = re.compile(r"^(?:\./)?([\w./-]+\.(?:tex|bbl|sty|cls|aux)):(\d+): (.*)$")
_BARE_ERROR = re.compile(r"^! (.*)$")
_OVERFULL = re.compile(r"^Overfull \\([hv])box \(([\d.]+)pt too (?:wide|high)\) (.*)$")
_UNDEFINED = re.compile(r"Warning: (Reference|Citation|Result|Table|Figure) [`'](.*?)'.*?undefined")
_GLYPH = re.compile(r"^Missing character: There is no (.*?) in font (\S+?)!?$")
_PARENTHESIS = re.compile(r"(\()([^\s()]*)|\)")
_BOX = re.compile(r"^(?:Over|Under)full ")
_FONT = re.compile(r"\\[A-Z0-9]+/[\w/.+-]+\s?")


@dataclass(frozen=True)
class TexLog:
    """The complaints of one compilation."""

    pages: int | None
    errors: tuple[str, ...]
    overfull: tuple[str, ...]
    undefined: tuple[str, ...]
    missing_glyphs: tuple[str, ...]


def read_log(text: str) -> TexLog:
    """Read a log that was written without wrapped lines (max_print_line)."""
    lines = text.splitlines()
    pages = _PAGES.search(text)
    undefined = [f"{kind.lower()} {key}" for kind, key in _UNDEFINED.findall(text)]
    glyphs = [f"No glyph for {what} in {font}: the PDF lacks it." for what, font in _glyphs(lines)]
    return TexLog(
        pages=int(pages[1]) if pages else None,
        errors=_unique(_errors(lines)),
        overfull=_unique(_overfull(lines)),
        undefined=_unique(undefined),
        missing_glyphs=_unique(glyphs),
    )


def _errors(lines: list[str]) -> list[str]:
    errors = []
    for position, line in enumerate(lines):
        located, bare = _ERROR.match(line), _BARE_ERROR.match(line)
        if located:
            file, number, message = located.groups()
            source = _context(lines[position + 1 : position + 12])
            errors.append(f"{file}, line {number}: {message}" + (f" Near: {source}" if source else ""))
        elif bare and "==> Fatal error" not in line:
            errors.append(bare[1])
    return [error for error in errors if "==> Fatal error" not in error]


def _context(lines: list[str]) -> str:
    for line in lines:
        if match := re.match(r"l\.\d+ (.*)", line):
            return match[1].strip()[-120:]
    return ""


def _overfull(lines: list[str]) -> list[str]:
    found = []
    open_files: list[str] = []
    dump = False  # the line after a box warning shows the box, with any parentheses its text has
    for position, line in enumerate(lines):
        if not dump:
            _follow(line, open_files)
        dump = _BOX.match(line) is not None
        match = _OVERFULL.match(line)
        if match is None or float(match[2]) <= OVERFULL_PT:
            continue
        kind, points, where = match.groups()
        shown = _shown(lines[position + 1]) if kind == "h" and position + 1 < len(lines) else ""
        what = "too wide" if kind == "h" else "too high"
        file = next((name for name in reversed(open_files) if name.endswith((".tex", ".bbl"))), "paper.tex")
        found.append(f"{points}pt {what} {where.strip()} of {file}" + (f": {shown}" if shown else ""))
    return found


def _follow(line: str, open_files: list[str]) -> None:
    """Keep the stack of open files: TeX prints "(name" on opening one and ")" on closing it."""
    for opened, name in _PARENTHESIS.findall(line):
        if opened:
            open_files.append(name.removeprefix("./"))
        elif open_files:
            open_files.pop()


def _shown(line: str) -> str:
    """The text of an overfull line without its font switches."""
    words = _FONT.sub("", line).replace("[]", " ").replace("|", " ").replace("-", "")
    return " ".join(words.split())[:100]


def _glyphs(lines: list[str]) -> list[tuple[str, str]]:
    return [(match[1], match[2]) for line in lines if (match := _GLYPH.match(line))]


def _unique(items: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(items))
