"""One value of a setting: what is read, what is refused."""

from __future__ import annotations

import pytest

from chakra.config.units import parse_count, parse_duration, parse_switch, parse_text


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ("30s", 30.0),
        ("10m", 600.0),
        ("500ms", 0.5),
        ("250us", 0.00025),
        ("1h30m", 5400.0),
        ("1h 30m", 5400.0),
        ("2d", 172800.0),
        ("1.5s", 1.5),
        (" 5 S ", 5.0),
        ("12", 12.0),
        (3, 3.0),
        (0, 0.0),
        (0.25, 0.25),
    ],
)
def test_durations(given: object, seconds: float) -> None:
    assert parse_duration(given) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "given",
    [
        "",
        "s",
        "10 parsecs",
        "10x",
        "-5s",
        -1,
        True,
        None,
        "1s2",
        "1,5s",
        "ten",
        float("inf"),
        float("nan"),
        "1s x",
    ],
)
def test_not_a_duration(given: object) -> None:
    with pytest.raises(ValueError, match="expected a duration") as caught:
        parse_duration(given)
    assert repr(given) in str(caught.value)


def test_counts() -> None:
    assert (parse_count(5), parse_count("12"), parse_count(0)) == (5, 12, 0)
    for wrong in (-1, True, 1.5, "1.5", "", "x", None):
        with pytest.raises(ValueError, match="whole number"):
            parse_count(wrong)


def test_switches() -> None:
    assert [parse_switch(v) for v in (True, "yes", "ON", "1", "true")] == [True] * 5
    assert [parse_switch(v) for v in (False, "no", "off", "0", "False")] == [False] * 5
    for wrong in (1, 0, "maybe", "", None):
        with pytest.raises(ValueError, match="true or false"):
            parse_switch(wrong)


def test_texts() -> None:
    assert parse_text("x") == "x"
    for wrong in ("", "  ", 5, None):
        with pytest.raises(ValueError, match="expected a text"):
            parse_text(wrong)
