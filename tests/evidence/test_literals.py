import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanoresearch.evidence.audit.literals import (
    CITATION,
    NAME,
    WORDS,
    bare_references,
    literals,
    unknown_macros,
    without_comments,
)
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
        ("\\citep[see][p.~97]{key} and 3", ["3", "97"]),
        ("\\citet[ninety percent]{key}", ["ninety", "percent"]),
        ("\\result[97]{x}", ["97"]),
        ("It quintupled, then sextupled.", ["quintupled", "sextupled"]),
        (
            "Scores of data sets; a score of wins; a gross of runs.",
            ["Scores of data sets", "a score of wins", "a gross of"],
        ),
        ("XCVII, XII and xcvii.", ["XCVII", "XII", "xcvii"]),
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
        "The scores of the model, the log score of the baseline, a score of \\result{x}; gross error.",
        "CI, CV, ML, MCC, CLI, CC, DC, I, MRR, an error of type II; civil, vivid, (iii), mix.",
        "Tables~\\ref{a}, \\ref{b} and~\\ref{c}.",
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


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("Table~\\ref{tab:a} and Figure~\\ref{fig:a}. See Section~\\ref{s}, Appendix~\\ref{x}.", 0),
        ("Tables~\\ref{a}, \\ref{b}, and~\\ref{c}; Figures~\\ref{a} and \\ref{b}; Equation~(\\ref{e}).", 0),
        ("(Table~\\ref{a}, Section~\\ref{b})", 0),
        ("It wins on \\ref{tab:a} data sets.", 1),
        ("Table~\\ref{a}. And \\ref{b} wins, \\ref{c} losses", 2),
        ("AStable~\\ref{a}", 1),
        ("% Table~\n\\ref{a}", 1),
    ],
)
def test_references_that_stand_like_numbers(body: str, found: int) -> None:
    assert len(bare_references(body)) == found


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
