from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanoresearch.errors import ConfigError, UsageError
from nanoresearch.paths import Home
from nanoresearch.profiles import list_profiles, load_profile, profile_toml, save_profile
from nanoresearch.schema.plan import Directive
from nanoresearch.schema.profile import Compute, Profile, WritingStyle

words = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=20)


@given(author=words, taboos=st.lists(words, max_size=3), minutes=st.floats(0.01, 1e6))
def test_a_profile_survives_its_file(
    tmp_path_factory: pytest.TempPathFactory, author: str, taboos: list[str], minutes: float
) -> None:
    home = Home(tmp_path_factory.mktemp("home"))
    profile = Profile(
        name="ada",
        domain="cv",
        taboos=tuple(taboos),
        compute=Compute(minutes=minutes),
        writing=WritingStyle(author=author),
        directives=(Directive(id="mine", phase="planning", text="use nine seeds", effect={"seeds": 9}),),
    )
    save_profile(home, profile)
    assert load_profile(home, "ada") == profile
    assert list_profiles(home) == ["ada"]


def test_every_field_is_explained_in_the_file() -> None:
    text = profile_toml(Profile())
    for words in ("What counts as a contribution", "Wall-clock minutes", "One of: article, twocolumn, ieee"):
        assert words in text


def test_an_unknown_profile_lists_the_known_ones(tmp_path: Path) -> None:
    home = Home(tmp_path)
    save_profile(home, Profile(name="ada"))
    with pytest.raises(UsageError, match=r"no profile 'bob'. Known: ada. .*profile init --name bob"):
        load_profile(home, "bob")


def test_the_default_profile_needs_no_file(tmp_path: Path) -> None:
    assert load_profile(Home(tmp_path), "default") == Profile()


@pytest.mark.parametrize("name", ["../evil", "a/b", "", ".hidden", "x" * 80])
def test_a_profile_name_cannot_leave_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError):
        load_profile(Home(tmp_path), name)


def test_an_unknown_key_in_a_profile_lists_the_valid_ones(tmp_path: Path) -> None:
    path = tmp_path / "profiles" / "ada.toml"
    path.parent.mkdir()
    path.write_text("[compute]\nminuts = 3\n")
    with pytest.raises(ConfigError, match=r"unknown key compute\.minuts; valid here: cores, gpus, memory_gb, minutes"):
        load_profile(Home(tmp_path), "ada")
