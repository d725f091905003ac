from pathlib import Path

import pytest

from nanoresearch.errors import UsageError
from nanoresearch.researcher.source import LONGEST, STAGES, ConsoleFeedback, FileFeedback, NoFeedback, feedback_source


def raise_eof(_: str) -> str:
    raise EOFError


@pytest.mark.parametrize(
    "source", [NoFeedback(), ConsoleFeedback(read=lambda _: "words"), ConsoleFeedback(read=raise_eof)]
)
def test_every_source_answers_for_every_stage(source) -> None:  # type: ignore[no-untyped-def]
    for stage in STAGES:
        assert isinstance(source.ask(stage, "what happened"), str)


def test_the_console_gives_the_line_without_control_characters() -> None:
    assert ConsoleFeedback(read=lambda _: " more seeds\x1b[31m\x00 ").ask("writing", "") == "more seeds[31m"


def test_plain_text_is_given_after_every_stage(tmp_path: Path) -> None:
    path = tmp_path / "said.txt"
    path.write_text("Fewer figures, please.\n")
    source = feedback_source(str(path))
    assert [source.ask(stage, "") for stage in STAGES] == ["Fewer figures, please."] * 3


def test_toml_gives_each_stage_its_own(tmp_path: Path) -> None:
    path = tmp_path / "said.toml"
    path.write_text('experiments = "use ten seeds"\n')
    source = FileFeedback(path)
    assert source.ask("experiments", "") == "use ten seeds"
    assert source.ask("writing", "") == ""


@pytest.mark.parametrize("content", ["experiments = [", 'experimnts = "x"', "experiments = 3"])
def test_a_bad_file_is_explained(tmp_path: Path, content: str) -> None:
    path = tmp_path / "said.toml"
    path.write_text(content)
    with pytest.raises(UsageError, match="feedback file"):
        FileFeedback(path)


def test_a_missing_file_is_explained(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        feedback_source(str(tmp_path / "none.txt"))


def test_a_very_long_comment_is_cut_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "said.txt"
    path.write_text("x" * (LONGEST + 10))
    text = FileFeedback(path).ask("writing", "")
    assert text.endswith("[cut]")
    assert len(text) <= LONGEST + 6
