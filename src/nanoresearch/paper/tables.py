"""Tables as LaTeX floats that fit their column.

A table is laid out from an estimate of its width: smaller type first, then both columns, then wrapped text cells; a box
that never exceeds the line catches what the estimate missed.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations, pairwise

from nanoresearch.errors import PaperError
from nanoresearch.schema.analysis import Table

LINE_PT = {"single": 397.0, "column": 234.0, "both": 487.0}
"""Width of the narrowest line that our formats have: one column, one of two columns, both columns."""
SELF_REPORTED = r"$^{\circ}$"
"""Mark of data sets whose results nobody scored from outside."""

PART_ROWS = 40
"""Rows that a float can hold on a page."""

_SIZES = ((r"\small", 9.0, 5.0), (r"\footnotesize", 8.0, 3.5))  # command, type size and space beside a cell, in pt
_NARROW, _WIDE, _WIDER = set("iljtfrI.,:;!|'()[]/ "), set("mwMW%@"), set("ABCDEFGHKLNOPQRSTUVXYZ+=<>~")
_SHORT = 4.6  # type sizes; headings are not broken for less
_MIN_WRAPPED_PT = 60.0
_MIN_SQUEEZE = 0.4  # narrower than this, a cell has more lines than a table in one column should show


@dataclass(frozen=True)
class _Layout:
    size: str
    padding_pt: float
    wide: bool
    columns: str
    rooms: list[float]  # width that each heading should keep to, in type sizes
    natural_pt: float


def render_table(table: Table, two_column: bool, texts: Mapping[str, str] | None = None) -> str:
    """The content of tables/ID.tex: a float with caption, label tab:ID, body and note.

    `texts` are the printed results by key, for estimating widths. A row of one cell is a heading over later rows.
    Raises PaperError for rows that do not match the header.
    """
    _check(table)
    layout = _lay_out(table, two_column, texts or {})
    if len(table.rows) <= PART_ROWS:
        return _float(table, layout, table.rows)
    fits = layout.natural_pt <= LINE_PT["single"]
    if not two_column and fits:
        return _longtable(table, layout)
    starts = range(0, len(table.rows), PART_ROWS)
    return "".join(_float(table, layout, table.rows[start : start + PART_ROWS], start) for start in starts)


def text_width(cell: str, texts: Mapping[str, str]) -> float:
    """Estimated width of a LaTeX cell in Times, in units of the type size."""
    shown = re.sub(r"\\result\s*\{([^{}]*)\}", lambda match: texts.get(match[1], "00.0"), cell)
    shown = re.sub(r"\\(?:textbf|textit|emph|texttt|textsc|mathbf|ensuremath|mathrm|text)\b", "", shown)
    shown = re.sub(r"\\(?:small|footnotesize|scriptsize|bfseries|itshape|,|;|!|/)", "", shown)
    shown = re.sub(r"\\[A-Za-z]+\s*(?:\{\})?", "N", shown)  # a symbol
    shown = re.sub(r"\\(.)", r"\1", shown).translate(str.maketrans("", "", "{}$"))
    bold = 1.06 if r"\textbf" in cell else 1.0
    return bold * sum(map(_character_width, shown))


def _character_width(character: str) -> float:
    if character in _NARROW:
        return 0.31
    if character in _WIDE:
        return 0.83
    return 0.69 if character in _WIDER else 0.49


def _check(table: Table) -> None:
    if not re.fullmatch(r"[A-Za-z0-9_-]+", table.id):
        raise PaperError(f"Table id {table.id!r} is not a file name of letters, digits, - and _.")
    for position, row in enumerate(table.rows, start=1):
        if len(row) not in (1, len(table.header)):
            raise PaperError(
                f"Table {table.id}, row {position}, has {len(row)} cells, but its header has {len(table.header)}."
            )
    if table.align and len(table.align) != len(table.header):
        raise PaperError(f"Table {table.id} has {len(table.header)} columns, but its alignment is {table.align!r}.")


def _lay_out(table: Table, two_column: bool, texts: Mapping[str, str]) -> _Layout:
    align = _letters(table)
    rows = [row for row in table.rows if len(row) == len(align)]
    bodies = [max((text_width(row[i], texts) for row in rows), default=0.0) for i in range(len(align))]
    rooms = [max(_SHORT, width) for width in bodies]
    headings = [_widest(_break_header(cell, room)) for cell, room in zip(table.header, rooms, strict=True)]
    ems = [max(pair) for pair in zip(bodies, headings, strict=True)]
    options = [False, True] if two_column and not table.wide else [two_column]
    for wide in options:
        line = LINE_PT["both" if wide else "column" if two_column else "single"]
        for size, points, padding in _SIZES:
            space = 2 * padding * (len(ems) - 1)
            natural = sum(ems) * points + space
            if natural <= line:
                return _Layout(size, padding, wide, align, rooms, natural)
        columns, squeeze = _wrap(align, [width * points for width in ems], line - space)
        if squeeze >= _MIN_SQUEEZE or ((wide or not two_column) and squeeze > 0):
            return _Layout(size, padding, wide, columns, rooms, line)
    return _Layout(size, padding, wide, align, rooms, natural)


def _wrap(align: str, widths: list[float], room: float) -> tuple[str, float]:
    """Give wide text columns the room that the others leave, as wrapped paragraphs.

    Also returns how much of their natural width they keep; 0 when wrapping does not help.
    """
    wrapped = [i for i, letter in enumerate(align) if letter == "l" and widths[i] > _MIN_WRAPPED_PT]
    left = room - sum(width for i, width in enumerate(widths) if i not in wrapped)
    if not wrapped or left < _MIN_WRAPPED_PT * len(wrapped):
        return align, 0.0
    natural = sum(widths[i] for i in wrapped)
    spare = left - _MIN_WRAPPED_PT * len(wrapped)
    over = natural - _MIN_WRAPPED_PT * len(wrapped)
    given = {i: _MIN_WRAPPED_PT + spare * (widths[i] - _MIN_WRAPPED_PT) / over for i in wrapped}
    columns = "".join(f"P{{{given[i]:.1f}pt}}" if i in given else letter for i, letter in enumerate(align))
    return columns, left / natural


def _break_header(cell: str, room: float) -> list[str]:
    """A heading on at most three lines: as few as fit into `room` (in type sizes), else as narrow as can be."""
    words = cell.split()
    if any(word.count("{") != word.count("}") or word.count("$") % 2 for word in words):
        return [cell]  # a group or formula with blanks inside
    best = [cell]
    for count in range(1, min(3, len(words)) + 1):
        cuts = combinations(range(1, len(words)), count - 1)
        splits = [[" ".join(words[a:b]) for a, b in pairwise((0, *inner, len(words)))] for inner in cuts]
        best = min([best, *splits], key=_widest)
        if _widest(best) <= room:
            break
    return best


def _widest(lines: list[str]) -> float:
    return max(text_width(line, {}) for line in lines)


def _header(table: Table, rooms: list[float]) -> str:
    cells = []
    for cell, letter, room in zip(table.header, _letters(table), rooms, strict=True):
        lines = _break_header(cell, room)
        joined = r"\\".join(lines)
        cells.append(cell if len(lines) == 1 else f"\\makecell[b{letter}]{{{joined}}}")
    return " & ".join(cells) + r" \\"


def _body(table: Table, rows: tuple[tuple[str, ...], ...]) -> list[str]:
    lines = []
    for position, row in enumerate(rows):
        if len(row) == 1 and len(table.header) > 1:
            space = [r"\addlinespace[3pt]"] if position else []
            lines += [*space, f"\\multicolumn{{{len(table.header)}}}{{@{{}}l}}{{\\itshape {row[0]}}} \\\\"]
        else:
            # A cell that begins with [ or * would be read as an option of the line break before it.
            first = "{}" + row[0] if row[0].lstrip()[:1] in ("[", "*") else row[0]
            lines.append(" & ".join((first, *row[1:])) + r" \\")
    return lines


def _letters(table: Table) -> str:
    return table.align or "l" + "r" * (len(table.header) - 1)


def _float(table: Table, layout: _Layout, rows: tuple[tuple[str, ...], ...], start: int = 0) -> str:
    """One float with rows from `start` on; parts after the first keep its number and say that they continue it."""
    environment = "table*" if layout.wide else "table"
    caption = [f"\\caption{{{table.caption}}}", f"\\label{{tab:{table.id}}}"]
    if start:
        anchor = f"\\renewcommand{{\\theHtable}}{{{table.id}.{start}}}"
        caption = [r"\addtocounter{table}{-1}" + anchor, f"\\caption{{{table.caption} (continued)}}"]
    last = start + len(rows) == len(table.rows)
    lines = [
        f"\\begin{{{environment}}}[tb]",
        r"\centering",
        *caption,
        f"{layout.size}\\setlength{{\\tabcolsep}}{{{layout.padding_pt}pt}}%",
        r"\begin{adjustbox}{max width=\linewidth}",
        f"\\begin{{tabular}}{{@{{}}{layout.columns}@{{}}}}",
        r"\toprule",
        _header(table, layout.rooms),
        r"\midrule",
        *_body(table, rows),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{adjustbox}",
    ]
    if table.note and last:
        lines.append(f"\\tablenote{{{table.note}}}")
    return "\n".join([*lines, f"\\end{{{environment}}}"]) + "\n"


def _longtable(table: Table, layout: _Layout) -> str:
    header = _header(table, layout.rooms)
    many = len(table.header)
    lines = [
        r"\begingroup",
        f"{layout.size}\\setlength{{\\tabcolsep}}{{{layout.padding_pt}pt}}%",
        f"\\begin{{longtable}}{{@{{}}{layout.columns}@{{}}}}",
        f"\\caption{{{table.caption}}}\\label{{tab:{table.id}}}\\\\",
        rf"\toprule {header} \midrule \endfirsthead",
        rf"\toprule {header} \midrule \endhead",
        rf"\midrule \multicolumn{{{many}}}{{r@{{}}}}{{\itshape continued}} \\ \endfoot",
        r"\bottomrule \endlastfoot",
        *_body(table, table.rows),
        r"\end{longtable}",
        r"\endgroup",
    ]
    if table.note:
        lines.append(f"\\tablenote{{{table.note}}}")
    return "\n".join(lines) + "\n"
