"""A model's reply as a section body: cleaned LaTeX of an allow list, in pieces that can be judged one by one.

Cleaning never changes what is said. What it cannot make safe is left in place and named by `misused`, so that the model
can be told, and the piece left out if it insists.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from nanoresearch.crew.builtin.latex_text import split_sentences
from nanoresearch.evidence.audit.literals import unknown_macros
from nanoresearch.paper.escape import latex

LISTS = ("itemize", "enumerate", "description")
EQUATIONS = ("equation", "equation*", "align", "align*")
ENVIRONMENTS = (*LISTS, *EQUATIONS, "quote")
"""Environments that a section may use; floats are placed by the program."""
REFERRING = frozenset(["result", "ref", "citep", "citet", "name"])
"""Commands by which a text refers to results, floats and sections, works, and names."""
REFUSED = frozenset(["makecell", "multicolumn", "addlinespace", "centering", "protect", "relax", "linebreak", "par"])
"""Harmless to the audit, but of no use in running text."""

_MATH = re.compile(r"(\\begin\{(equation|align)(\*?)\}.*?\\end\{\2\3\}|(?<!\\)\$[^$]*?(?<!\\)\$)", re.DOTALL)
_ENVIRONMENT = re.compile(
    r"\\begin\{(" + "|".join(re.escape(e) for e in ENVIRONMENTS) + r")\}.*?\\end\{\1\}", re.DOTALL
)
_FENCE = re.compile(r"```[A-Za-z]*\n(.*?)```", re.DOTALL)
_COMMAND = re.compile(r"\\([A-Za-z]+)\*?")
_HEADING = re.compile(r"\\(?:section|chapter|title)\*?\{((?:[^{}]|\{[^{}]*\})*)\}")
_ABBREVIATED = {
    r"\bTab(?:le|\.)[ ~]*(?=\\ref\{)": "Table~",
    r"\bFig(?:ure|\.)[ ~]*(?=\\ref\{)": "Figure~",
    r"\bSec(?:tion|\.)[ ~]*(?=\\ref\{)": "Section~",
    r"(?<=[A-Za-z])\s+(?=\\cite[pt]\{)": "~",
}
"""References as the audit reads them: the word, a tie, the number."""
_SAME = {
    r"\\\[(.*?)\\\]": r"\\begin{equation*}\1\\end{equation*}",
    r"\$\$(.*?)\$\$": r"\\begin{equation*}\1\\end{equation*}",
    r"\\\((.*?)\\\)": r"$\1$",
    r"\\(?:operatorname|mathop)\*?\{": r"\\mathrm{",
    r"\\(?:boldsymbol|bm)\{": r"\\mathbf{",
    r"\\(?:cite|parencite|citealp|autocite)\{": r"\\citep{",
    r"\\textcite\{": r"\\citet{",
    r"\\(?:[cC]|auto)ref\{": r"\\ref{",
    r"\*\*([^*\n]+)\*\*": r"\\textbf{\1}",
}
"""Other ways to write what the allow list has."""


def body_of(reply: str) -> str:
    """The section body in a reply: without fences, headings, preamble and labels, with special characters escaped."""
    text = reply.replace("\r\n", "\n").replace("\r", "\n")
    if fenced := _FENCE.findall(text):
        text = max(fenced, key=len)
    if "\\begin{document}" in text:
        text = text.partition("\\begin{document}")[2].partition("\\end{document}")[0]
    text = re.sub(r"\\(?:begin|end)\{abstract\}|\\maketitle\b|\\label\{[^{}]*\}", "", text)
    text = _HEADING.sub("", text, count=1) if _HEADING.match(text.lstrip()) else text
    text = _HEADING.sub(r"\\paragraph{\1}", text.lstrip())
    text = re.sub(r"^#{1,4}\s+(.+)$", _markdown_heading, text, flags=re.MULTILINE)
    text = re.sub(r"(?:^[-*]\s+.+\n?)+", _markdown_list, text, flags=re.MULTILINE)
    for pattern, same in _SAME.items():
        text = re.sub(pattern, same, text, flags=re.DOTALL)
    text = "".join(_escaped(part) for part in _segments(text))
    for pattern, whole in _ABBREVIATED.items():
        text = re.sub(pattern, whole, text)
    text = _items_kept(re.sub(r"(?m)^[ \t]+$", "", text))
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def _items_kept(text: str) -> str:
    """Items in lists, and their text alone elsewhere."""
    kept, end = "", 0
    for match in _ENVIRONMENT.finditer(text):
        kept += re.sub(r"\\item\b\s*", "", text[end : match.start()]) + match[0]
        end = match.end()
    return kept + re.sub(r"\\item\b\s*", "", text[end:])


def _markdown_heading(match: "re.Match[str]") -> str:
    return f"\\paragraph{{{match[1].strip()}}}"


def _markdown_list(match: "re.Match[str]") -> str:
    items = re.sub(r"^[-*]\s+", r"\\item ", match[0].rstrip("\n"), flags=re.MULTILINE)
    return f"\\begin{{itemize}}\n{items}\n\\end{{itemize}}\n"


def _segments(text: str) -> list[tuple[str, bool]]:
    """Text and formulas in turn, each with whether it is a formula."""
    parts, end = [], 0
    for match in _MATH.finditer(text):
        parts += [(text[end : match.start()], False), (match[0], True)]
        end = match.end()
    return [*parts, (text[end:], False)]


def _escaped(segment: tuple[str, bool]) -> str:
    text, formula = segment
    text = re.sub(r"(?<!\\)((?:\\\\)*)%", r"\1\\%", text)
    if formula:
        # An empty line ends a formula for TeX; a sign from outside ASCII is a macro or nothing.
        return "".join(_sign(c) for c in re.sub(r"\n\s*\n", "\n", text))
    text = re.sub(r"(?<!\\)#", r"\\#", text)
    text = re.sub(r"(?<!\\)&", r"\\&", text)
    text = re.sub(r"(?<!\\)\^(?!\{)", r"\\textasciicircum{}", text)
    text = re.sub(r"(\\[A-Za-z]+\{[^{}]*\})|(?<!\\)_", lambda m: _keys_kept(m), text)
    text = re.sub(r'(?<=[\s(])"(?=\S)|^"(?=\S)', "``", text)
    text = re.sub(r'(?<!\\)"', "''", text)
    return "".join(_sign(c) for c in text)


def _keys_kept(match: "re.Match[str]") -> str:
    """An underscore in the key of a reference stays as it is; elsewhere it is escaped."""
    whole = match[1]
    if whole is None:
        return "\\_"
    command = _COMMAND.match(whole)
    return whole if command and command[1] in REFERRING - {"name"} else re.sub(r"(?<!\\)_", r"\\_", whole)


def _sign(character: str) -> str:
    if character.isascii():
        return character if character in "\n\t" or character.isprintable() else ""
    return " " if character.isspace() else latex(character)


@dataclass(frozen=True)
class Block:
    """A paragraph of sentences, a list of items, or a formula."""

    pieces: tuple[str, ...]
    """What can be judged, and left out, by itself."""
    head: str = ""
    """Opens the block; empty for plain paragraphs."""
    tail: str = ""
    """Closes it."""
    tight: bool = False
    """Whether it follows the block before without an empty line."""

    @property
    def text(self) -> str:
        """The block as LaTeX; nothing when it has no piece left."""
        if not self.pieces:
            return ""
        between = "\n" if self.tail else " "
        return self.head + between.join(self.pieces) + self.tail


def blocks(body: str) -> list[Block]:
    """A body as blocks; `joined` puts them together again."""
    found: list[Block] = []
    end = 0
    for match in _ENVIRONMENT.finditer(body):
        found += _paragraphs(body[end : match.start()], tight=bool(end))
        tight = not body[: match.start()].rstrip(" \t").endswith("\n\n")
        found.append(_environment(match[0], match[1], tight))
        end = match.end()
    rest = body[end:]
    return found + _paragraphs(rest, tight=bool(end) and not rest.lstrip(" \t").startswith("\n\n"))


def joined(parts: list[Block]) -> str:
    """A body of these blocks."""
    text = ""
    for block in parts:
        if block.text:
            text += ("\n" if block.tight else "\n\n") * bool(text) + block.text
    return text


def sift(body: str, keep: Callable[[str], bool]) -> str:
    """The body without the pieces that are not to be kept."""
    kept = []
    for block in blocks(body):
        pieces = tuple(piece for piece in block.pieces if keep(piece))
        kept.append(Block(pieces, block.head, block.tail, block.tight))
    return joined(kept)


def pieces(body: str) -> list[str]:
    """Every piece of a body, in order."""
    return [piece for block in blocks(body) for piece in block.pieces]


def _paragraphs(text: str, *, tight: bool) -> list[Block]:
    found: list[Block] = []
    for paragraph in re.split(r"\n\s*\n", text):
        plain = " ".join(paragraph.split())
        heading = re.match(r"\\(?:sub)*(?:paragraph|section)\*?\{((?:[^{}]|\{[^{}]*\})*)\}\s*", plain)
        start = heading.end() if heading else 0
        sentences = tuple(split_sentences(plain[start:]))
        if sentences:
            head = plain[:start].rstrip() + " " if heading else ""
            found.append(Block(sentences, head, tight=tight and not found))
        elif plain:  # a heading of its own, over a list
            found.append(Block((plain,), tight=tight and not found))
    return found


def _environment(text: str, name: str, tight: bool) -> Block:
    head, tail = f"\\begin{{{name}}}\n", f"\n\\end{{{name}}}"
    inner = text[len(head) - 1 : -(len(tail) - 1)].strip()
    if name in LISTS:
        items = tuple(f"\\item {' '.join(item.split())}" for item in re.split(r"\\item\b", inner) if item.strip())
        return Block(items, head, tail, tight)
    if name in EQUATIONS:
        return Block((text,), tight=tight)
    return Block((" ".join(inner.split()),), head, tail, tight)


def misused(piece: str) -> str:
    """What is wrong with the LaTeX of a piece, or nothing."""
    formula = _MATH.fullmatch(piece)
    outside = re.sub(r"\\(?:begin|end)\{[a-z]+\*?\}", "", piece) if formula else piece.removeprefix("\\item ")
    commands = set(_COMMAND.findall(outside))
    strange = [macro for macro in unknown_macros(outside) if macro.lstrip("\\").rstrip("*") not in REFERRING]
    strange += sorted(f"\\{name}" for name in commands & REFUSED | commands & {"item", "begin", "end"})
    if strange:
        return f"commands that a section may not use: {' '.join(dict.fromkeys(strange))}"
    plain = re.sub(r"\\[\\{}$]", "", piece)
    depth = 0
    for character in plain:
        depth += (character == "{") - (character == "}")
        if depth < 0:
            break
    if depth:
        return "unbalanced braces"
    if plain.count("$") % 2:
        return "a formula whose $ is not closed"
    if not formula and re.search(
        r"\^|\\(?:frac|sum|prod|int|sqrt|bar|hat|mathbf|mathrm|alpha|beta)\b", _math_out(plain)
    ):
        return "a formula outside of dollar signs"
    return ""


def _math_out(text: str) -> str:
    return re.sub(r"\$[^$]*\$|\\ensuremath\{[^{}]*\}", "", text)
