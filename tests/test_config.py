from pathlib import Path

import pytest

from nanoresearch.config import Config, load_config, read_toml, validate
from nanoresearch.errors import ConfigError
from nanoresearch.schema.profile import Profile


def test_a_missing_file_gives_the_defaults(tmp_path: Path) -> None:
    assert load_config(tmp_path / "config.toml") == Config()


def test_file_and_overrides_are_merged(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("profile = 'ada'\n[review]\nthreshold = 5.5\n")
    config = load_config(path, ("review.revisions=1", "paper.latex=off", 'crew="builtin"'))
    assert (config.profile, config.review.threshold, config.review.revisions) == ("ada", 5.5, 1)
    assert config.paper.latex == "off"


def test_broken_toml_is_reported_with_line_and_column(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("crew = 'builtin'\nreview = [1,\n")
    with pytest.raises(ConfigError, match=r"config\.toml is not valid TOML: .*line 2, column \d+|end of document"):
        read_toml(path)


def test_an_unknown_key_lists_the_valid_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown key review\.treshold; valid here: revisions, threshold"):
        load_config(tmp_path / "c.toml", ("review.treshold=3",))
    with pytest.raises(ConfigError, match="unknown key colour; valid here: coding, crew, data, design, execution"):
        load_config(tmp_path / "c.toml", ("colour=red",))


@pytest.mark.parametrize("override", ["review", "=3", "crew.name=x"])
def test_a_malformed_override_is_refused(tmp_path: Path, override: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text("crew = 'builtin'\n")
    with pytest.raises(ConfigError):
        load_config(path, (override,))


def test_a_role_takes_a_model_string_or_a_table(tmp_path: Path) -> None:
    overrides = ("models.roles.coder=openai:gpt-5", 'models.roles.judge={model = "local:a", temperature = 0}')
    roles = load_config(tmp_path / "c.toml", overrides).models.roles
    assert (roles["coder"].model, roles["coder"].temperature) == ("openai:gpt-5", None)
    assert (roles["judge"].model, roles["judge"].temperature) == ("local:a", 0)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("models.default=gpt-5", "PROVIDER:NAME"),
        ("models.roles.cook=openai:gpt-5", "'surveyor', 'ideator'"),
        ("models.base_url=localhost", "http://127.0.0.1:8000/v1"),
        ("models.key_env=sk-lower", "String should match pattern"),
        ("models.colour=red", "valid here: base_url, concurrency, default"),
        ("crew=oracle", "crew"),
    ],
)
def test_wrong_settings_of_models_are_explained(tmp_path: Path, override: str, words: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load_config(tmp_path / "c.toml", (override,))
    assert words in str(raised.value)


def test_a_wrong_value_names_its_key() -> None:
    with pytest.raises(ConfigError, match=r"compute\.minutes: Input should be greater than 0"):
        validate(Profile, {"compute": {"minutes": -1}}, "profile")
