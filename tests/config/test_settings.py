"""Settings from file, environment and configure(): which wins, and what an error names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chakra import config
from chakra.config.load import find_file, load, read_environment
from chakra.config.settings import KEYWORDS, PARSERS, SECTIONS
from chakra.errors import ConfigError


@pytest.fixture(autouse=True)
def untouched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working folder and no settings in the environment; everything as before afterwards."""
    for name in list(__import__("os").environ):
        if name.startswith("CHAKRA_") and not name.startswith("CHAKRA_TEST_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    config.reset()
    yield tmp_path
    config.reset()


def test_defaults_need_no_file() -> None:
    settings = load(environ={})
    assert settings.database.url is None
    assert settings.pool.max_connections == 10
    assert settings.pool.acquire_timeout == 30.0
    assert settings.debug.debug is False


def test_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "chakra.toml").write_text(
        '[database]\nurl = "postgresql://x/y"\n'
        '[pool]\nmin_connections = 2\nmax_connections = 7\nacquire_timeout = "1500ms"\nidle_timeout = "10m"\n'
        "[debug]\nwarn_on_n_plus_one = true\n"
    )
    settings = load(environ={})
    assert settings.database.url == "postgresql://x/y"
    assert (settings.pool.min_connections, settings.pool.max_connections) == (2, 7)
    assert (settings.pool.acquire_timeout, settings.pool.idle_timeout) == (1.5, 600.0)
    assert settings.debug.warn_on_n_plus_one is True


def test_the_nearest_file_upwards_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    (tmp_path / "chakra.toml").write_text("")
    assert find_file(deep) == tmp_path / "chakra.toml"
    (tmp_path / "a" / "chakra.toml").write_text("[pool]\nmax_connections = 3\n")
    monkeypatch.chdir(deep)
    assert load(environ={}).pool.max_connections == 3


def test_environment_over_file_and_configure_over_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "chakra.toml").write_text('[pool]\nmax_connections = 3\nidle_timeout = "1m"\n')
    monkeypatch.setenv("CHAKRA_POOL_MAX_CONNECTIONS", "4")
    monkeypatch.setenv("CHAKRA_DATABASE_URL", "postgresql://env/db")
    monkeypatch.setenv("CHAKRA_DEBUG", "1")
    settings = config.settings()
    assert (settings.pool.max_connections, settings.pool.idle_timeout) == (4, 60.0)
    assert settings.database.url == "postgresql://env/db"
    assert settings.debug.debug is True
    config.configure(max_connections=5)
    assert config.settings().pool.max_connections == 5
    assert config.settings().pool.idle_timeout == 60.0
    config.reset()
    assert config.settings().pool.max_connections == 4


def test_configure_takes_units_and_bare_names() -> None:
    changed = config.configure(debug=True, warn_on_n_plus_one=True, acquire_timeout="2s")
    assert changed is config.settings()
    assert changed.debug.debug and changed.debug.warn_on_n_plus_one
    assert changed.pool.acquire_timeout == 2.0


def test_an_error_in_configure_changes_nothing() -> None:
    config.configure(max_connections=6)
    with pytest.raises(ConfigError, match=r"pool\.acquire_timeout in configure\(\).*'soon'"):
        config.configure(max_connections=9, acquire_timeout="soon")
    assert config.settings().pool.max_connections == 6


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[pool]\nmax_conections = 3\n", ["pool.max_conections", "did you mean pool.max_connections?"]),
        ("[pool]\nfrobnicate = 3\n", ["pool.frobnicate", "Known settings", "pool.idle_timeout"]),
        ('[pool]\nidle_timeout = "10 parsecs"\n', ["pool.idle_timeout", "10 parsecs", "ms"]),
        ("[pool]\nmax_connections = 1.5\n", ["pool.max_connections", "whole number", "1.5"]),
        ("[pol]\nmax_connections = 1\n", ["[pol]", "database, pool, replicas, debug"]),
        ("max_connections = 1\n", ["max_connections", "[pool]"]),
        ("[pool]\nmax_connections = 0\n", ["max_connections", "at least 1"]),
        ("[pool]\nmin_connections = 20\n", ["min_connections (20)", "max_connections (10)"]),
        ("[database]\nurl = 5\n", ["database.url", "text"]),
        ("[debug]\ndebug = 1\n", ["debug.debug", "true or false"]),
        ("[pool\n", ["not valid TOML"]),
        ('pool = "x"\n', ["[pool]"]),
    ],
)
def test_a_mistake_in_the_file_is_named(tmp_path: Path, text: str, words: list[str]) -> None:
    path = tmp_path / "chakra.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(environ={})
    for word in (*words, str(path)):
        assert word in str(caught.value)


def test_a_file_that_is_not_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "chakra.toml").write_bytes(b"\xff\xfe[pool]")
    with pytest.raises(ConfigError, match=r"chakra\.toml is not valid TOML"):
        load(environ={})


def test_a_mistake_in_the_environment_is_named() -> None:
    with pytest.raises(ConfigError, match=r"CHAKRA_POOL_MAX_CONECTIONS.*did you mean pool\.max_connections"):
        load(environ={"CHAKRA_POOL_MAX_CONECTIONS": "3"})
    with pytest.raises(ConfigError, match=r"pool\.acquire_timeout in the environment.*'soon'"):
        load(environ={"CHAKRA_POOL_ACQUIRE_TIMEOUT": "soon"})


def test_other_variables_are_left_alone() -> None:
    given = {"CHAKRA_TEST_DSN": "x", "CHAKRA_NUMBA_CACHE_DIR": "y", "HOME": "/", "CHAKRA_LOGO": "z"}
    assert read_environment(given) == {}


def test_every_setting_can_be_set_everywhere() -> None:
    assert len(KEYWORDS) == len(PARSERS)  # no two sections share a key, so a bare name is enough
    for name in PARSERS:
        section, _, key = name.partition(".")
        assert section in SECTIONS
        variable = f"CHAKRA_{section}_{key}".upper()
        assert list(read_environment({variable: "x"})) == [name]
    for keyword, name in KEYWORDS.items():
        assert config.qualify(keyword, "here") == name


def test_settings_are_frozen() -> None:
    with pytest.raises(AttributeError):
        config.settings().pool.max_connections = 3  # type: ignore[misc]


def test_the_documented_settings_are_the_real_ones() -> None:
    text = (Path(__file__).parents[2] / "docs" / "settings.md").read_text()
    documented = {
        cells[1].strip(" `"): cells[2].strip(" `")
        for cells in (line.split("|") for line in text.splitlines() if line.startswith("| `"))
    }
    assert sorted(documented) == sorted(PARSERS)
    settings = load(environ={})
    for name, shown in documented.items():
        section, _, key = name.partition(".")
        default = getattr(getattr(settings, section), key)
        expected = (
            "none"
            if default in (None, ())
            else str(default).lower()
            if isinstance(default, bool)
            else default
        )
        if isinstance(expected, float):
            expected = f"{expected:g} s" if expected else "0"
        assert shown == str(expected), name
