import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanoresearch.evidence.audit.literals import CITATION, NAME, WORDS, literals, unknown_macros, without_comments
from nanoresearch.paper.escape import latex


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("It reaches 97.3\\% accuracy.", ["97.3"]),
        ("It wins on seven of the data sets.", ["seven"]),
        ("Twenty-one runs.", ["Twenty"]),
        ("It \\emph{halves} the error and is twice as fast.", ["halves", "twice"]),
        ("A third of the errors is gone; two-thirds stay.", ["A third", "two", "thirds"]),
        ("A ten-fold gain and a fivefold one.", ["ten", "fivefold"]),
        ("About ninety per cent, or ninety percent.", ["ninety", "per cent", "percent"]),
        ("$p < 0.05$", ["0.05"]),
        ("It is 1{,}234 times better.", ["1,234"]),
        ("The gain is ²⁄₃, or ½.", ["²", "₃", "½"]),
        ("Full width: ９７.", ["９７"]),
        # Attempts to hide a number.
        ("s\\emph{ev}en data sets", ["seven"]),
        ("sev{}en data sets", ["seven"]),
        ("sev\\-en and sev\\/en", ["seven"]),
        ("\\textbf{}seven", ["seven"]),
        ("9\\relax 7", ["9", "7"]),
        ("\\texttt{97.3}", ["97.3"]),
        ("\\url{https://example.org/97}", ["97"]),
        ("97 % a comment\n", ["97"]),
        ("100\\% % \\result{x}\n", ["100"]),
        ("\\citep[see][p.~97]{key} and 3", ["3"]),
        ("\\footnote{It is 42.}", ["42"]),
        ("\\vspace{3pt} 4pt", ["4"]),
        ("\\item[7.] x", ["7"]),
    ],
)
def test_typed_numbers_are_found(body: str, found: list[str]) -> None:
    assert sorted(literals(body)) == sorted(found)


@pytest.mark.parametrize(
    "body",
    [
        "It reaches \\result{mean.proposed.accuracy.a.all.percent:.1f}\\,\\% on \\name{CIFAR-10}.",
        "See Table~\\ref{tab:main2}, \\citet{smith2003inference} and \\citep[see][]{a1,b2}.",
        "\\label{sec:x1}\\inputtable{slices-20news}\\inputfigure{fig3}",
        "One of them, the first and the second; a two-sided test; someone; often; weight; tension; content.",
        "A paired test under both conditions, at the 0-crossing".replace("0-", "zero "),
        "% 97.3 is only a comment\nText.",
        "The interval excludes zero. In percent.",
        "\\begin{itemize}\n\\item x\n\\end{itemize} $\\uparrow$ $^{*}$ \\vspace{3pt}\\hspace*{1em}",
    ],
)
def test_what_is_no_typed_number(body: str) -> None:
    assert literals(body) == []
    assert unknown_macros(body) == []


@pytest.mark.parametrize("word", WORDS)
def test_every_listed_word_is_found_in_any_case(word: str) -> None:
    assert literals(f"The {word.capitalize()} of it.") == [word.capitalize()]
    assert literals(f"un{word}ish") == []


def test_names_given_before_may_hold_numbers() -> None:
    names = {latex(name) for name in ("Hits@10", "macro F1", "20 newsgroups", "two-hop rules")}
    text = "Macro F1 and Hits@10 on 20 newsgroups with two-hop rules."
    assert literals(text, names) == []
    assert literals(text + " F10, 20, two.", names) == ["10", "20", "two"]
    assert literals("macro F1.5", {"macro F1"}) == ["5"]


@pytest.mark.parametrize(
    ("body", "macros"),
    [
        ("\\number97", ["\\number"]),
        ("\\char57", ["\\char"]),
        ("\\romannumeral 97", ["\\romannumeral"]),
        ("\\today", ["\\today"]),
        ("\\def\\x{9}", ["\\def", "\\x"]),
        ("\\newcommand{\\x}{y}", ["\\newcommand", "\\x"]),
        ("\\texttwosuperior", ["\\texttwosuperior"]),
        ("\\includegraphics{x}", ["\\includegraphics"]),
        ("\\input{x}", ["\\input"]),
        ("\\name{\\number97}", ["\\number"]),
        ("^^39", ["^^"]),
        ("\\begin{tabular}{l}x\\end{tabular}", ["\\begin", "\\end"]),
    ],
)
def test_commands_that_could_print_a_number(body: str, macros: list[str]) -> None:
    assert unknown_macros(body) == macros


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs", "N"]), max_size=40))
def test_escaped_text_without_numbers_raises_no_doubt(text: str) -> None:
    escaped = latex(text)
    if not literals(text.replace("%", " ").replace("\\", " ")) and "?" not in escaped:
        assert unknown_macros(escaped) == []


@settings(deadline=None)
@given(st.text("ab {}\\%\n~", max_size=12), st.integers(2, 10**6), st.text("ab {}~", max_size=12))
def test_a_number_stays_visible_whatever_surrounds_it(before: str, number: int, after: str) -> None:
    body = without_comments(f"{before} ") + f" {number} {after}"
    assert "".join(literals(body)).endswith(str(number)) or body.rstrip().endswith("%")


def test_patterns() -> None:
    assert CITATION.findall("\\citep[see][p. 3]{a, b} \\citet*{c} \\nocite{d}") == ["a, b", "c", "d"]
    assert NAME.findall("\\name{a {b} c}\\name {d}") == ["a {b} c", "d"]
    assert without_comments("a\\% b % c\n  d\\\\% e\nf") == "a\\% b d\\\\f"
