from nanoresearch.paper.texlog import read_log

LOG = """(./paper.tex (./numbers.tex) (./tables/main.tex
Overfull \\hbox (12.5pt too wide) in alignment at lines 3--9
 [] \\T1/ptm/m/n/10 A (wide| row[]
)
Overfull \\hbox (1.5pt too wide) in paragraph at lines 3--9
[]\\T1/ptm/m/n/10 fine
Overfull \\hbox (3.25pt too wide) in paragraph at lines 30--39
[]\\T1/ptm/m/n/10 some text that sticks out
LaTeX Warning: Reference `fig:x' on page 1 undefined on input line 12.
Package natbib Warning: Citation `smith' on page 1 undefined on input line 3.
LaTeX Warning: Result `mean.a' undefined on input line 4.
LaTeX Warning: Table `gone' undefined on input line 4.
Missing character: There is no � in font ptmr8t!
./paper.tex:7: Undefined control sequence.
<recently read> \\nonsense
l.7 Some \\nonsense
               text
Output written on paper.pdf (3 pages, 1234 bytes).
"""


def test_a_log_is_read() -> None:
    log = read_log(LOG)
    assert log.pages == 3
    assert log.overfull == (
        "12.5pt too wide in alignment at lines 3--9 of tables/main.tex: A (wide row",
        "3.25pt too wide in paragraph at lines 30--39 of paper.tex: some text that sticks out",
    )
    assert log.undefined == ("reference fig:x", "citation smith", "result mean.a", "table gone")
    assert log.errors == ("paper.tex, line 7: Undefined control sequence. Near: Some \\nonsense",)
    assert len(log.missing_glyphs) == 1


def test_an_empty_log() -> None:
    log = read_log("")
    assert (log.pages, log.errors, log.overfull, log.undefined) == (None, (), (), ())
