import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from pin_exporter.toolkit.errors import SettingsError
from pin_exporter.toolkit.yaml_file import YamlFile, read_yaml_file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.yml"


def read(path: Path, content: str | bytes) -> YamlFile:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_yaml_file(path)


def problems(path: Path, content: str | bytes) -> list[str]:
    """Return the problems of a file, with its path shortened."""
    with pytest.raises(SettingsError) as caught:
        read(path, content)
    return [problem.replace(str(path), "config.yml") for problem in caught.value.problems]


def test_scalars_are_returned_as_written(path: Path) -> None:
    values = read(
        path, "a: 60\nb: 007\nc: yes\nd: 1.50\ne: 2024-01-01\nf: '60s'\ng: \"null\"\nh: [1, x]\n"
    ).values

    assert values == {
        "a": "60",
        "b": "007",
        "c": "yes",
        "d": "1.50",
        "e": "2024-01-01",
        "f": "60s",
        "g": "null",
        "h": ["1", "x"],
    }


def test_null_and_missing_values_are_none(path: Path) -> None:
    assert read(path, "a:\nb: ~\nc: null\nd: ''\n").values == {"a": None, "b": None, "c": None, "d": ""}


@pytest.mark.parametrize("content", ["", "# nothing yet\n", "---\n", "null\n"])
def test_an_empty_file_is_an_empty_mapping(path: Path, content: str) -> None:
    assert read(path, content).values == {}


def test_utf_16_with_a_byte_order_mark_is_read(path: Path) -> None:
    assert read(path, "a: ü\n".encode("utf-16")).values == {"a": "ü"}


def test_values_are_located_by_their_line(path: Path) -> None:
    file = read(
        path, "# comment\npoll_interval: 60s\naccounts:\n  - name: a\n    api_key: x\n  -\n    name: b\n"
    )

    assert file.locate(("poll_interval",)) == f"{path}:2: poll_interval"
    assert file.locate(("accounts",)) == f"{path}:3: accounts"
    assert file.locate(("accounts", 0, "api_key")) == f"{path}:5: accounts[0].api_key"
    assert file.locate(("accounts", 1, "name")) == f"{path}:7: accounts[1].name"


def test_a_missing_value_is_located_at_its_nearest_parent(path: Path) -> None:
    file = read(path, "a: 1\naccounts:\n  - name: a\n  - name: b\n")

    assert file.locate(("accounts", 1, "secret_key")) == f"{path}:4: accounts[1].secret_key"
    assert file.locate(("elsewhere",)) == f"{path}:1: elsewhere"


def test_aliases_are_resolved(path: Path) -> None:
    file = read(path, "a: &x {n: 1}\nb: *x\nc: [*x, *x]\n")

    assert file.values == {"a": {"n": "1"}, "b": {"n": "1"}, "c": [{"n": "1"}, {"n": "1"}]}


ILLEGAL = "config.yml: is not valid YAML: it contains characters that YAML does not allow"
TAG = "config.yml:2: tags are not supported: write the value itself, in quotes if it begins with `!`"
MERGE = "config.yml:{}: merge keys (<<) are not supported: write the values out"
NO_MAPPING = "config.yml:1: must be a mapping, such as `name: value`"
TOO_DEEP = "config.yml: is nested too deeply"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            "a: 1\nb: [1, 2\nc: 3\n",
            "3: is not valid YAML: while parsing a flow sequence, expected ',' or ']'",
        ),
        ("a: 1\n\tb: 2\n", "2: is not valid YAML: while scanning for the next token, found character '\\t'"),
        ("a: 'x\n", "2: is not valid YAML: while scanning a quoted scalar, found unexpected end of stream"),
        ("a: b: c\n", "1: is not valid YAML: mapping values are not allowed here"),
        ("a: 1\n---\nb: 2\n", "2: is not valid YAML: expected a single document in the stream"),
        ("a: *nowhere\n", "1: is not valid YAML: found undefined alias"),
    ],
)
def test_invalid_yaml_is_refused_with_its_line_and_the_parsers_reason(
    path: Path, content: str, expected: str
) -> None:
    (problem,) = problems(path, content)
    assert problem.startswith(f"config.yml:{expected}")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a: 1\nb: 2\na: 3\nc:\n  d: 1\n", ["config.yml:3: a is given twice"]),
        ("c:\n  d: 1\n  d: 2\nc: 1\n", ["config.yml:3: d is given twice", "config.yml:4: c is given twice"]),
        ('"x\\ny": 1\n"x\\ny": 1\n', ["config.yml:2: x… is given twice"]),
        ("a: 1\n? [x, y]\n: 1\n", ["config.yml:2: a key must be a string"]),
        ("a: &x {b: 1}\nc:\n  <<: *x\n  d: 2\n", [MERGE.format(3)]),
        ("a: &x {b: 1}\nc: {<<: [*x, *x]}\n<<: 1\n", [MERGE.format(2), MERGE.format(3)]),
        *((content, [NO_MAPPING]) for content in ("- a: 1\n", "60s\n", "'quoted'\n", "[]\n", "api_key=x\n")),
        *((content, [TOO_DEEP]) for content in ("a: &x [*x]\n", "a: &x {b: *x}\n", "&x\na: *x\n")),
        *((content, [TOO_DEEP]) for content in ("[" * 5_000, "a: " + "{b: " * 5_000)),
        *((content, [ILLEGAL]) for content in (b"a: \xff\xfe\xfd\n", b"a: \x00\n", b"\x89PNG\r\n\x1a\n\0\0")),
        *((f'a: "{escape}"\n', [ILLEGAL]) for escape in ("\\U00110000", "\\UFFFFFFFF", "\\ud800")),
        ('"\\ud800": 1\n', [ILLEGAL]),
        (f"%YAML 1.{'1' * 5_000}\n---\na: 1\n", [ILLEGAL]),
        *((f"a: 1\nb: {value}\n", [TAG]) for value in ("!env KEY", "!vault |\n  6162", "!key")),
        *((f"a: 1\nb: {value}\n", [TAG]) for value in ("!!binary a2V5", "!!python/name:os", "!x [1]")),
    ],
)
def test_a_file_that_means_nothing_here_is_refused(
    path: Path, content: str | bytes, expected: list[str]
) -> None:
    assert problems(path, content) == expected


def test_a_short_file_that_aliases_make_enormous_is_refused(path: Path) -> None:
    names = "abcdefghi"
    lines = ["a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]" for before, name in pairwise(names)]

    assert problems(path, "\n".join(lines)) == ["config.yml: contains more than 100000 values"]


def test_tags_of_yaml_itself_are_accepted(path: Path) -> None:
    content = "a: !!str 60\nb: !!int '5'\nc: ! x\nd: !!seq [1]\ne: !!map {'<<': =}\nf: !!null x\n"
    values = {"a": "60", "b": "5", "c": "x", "d": ["1"], "e": {"<<": "="}, "f": None}
    assert read(path, content).values == values


def test_an_unknown_name_is_shown_as_far_as_it_looks_like_a_setting(path: Path) -> None:
    file = read(path, f"{{api_key:{SECRET}, pol.interval-x: 1}}\n")

    (key, plain) = file.values
    assert file.locate((key,), unknown=True) == f"{path}:1: api_key…"
    assert file.locate((plain,), unknown=True) == f"{path}:1: pol.interval-x"
    assert file.locate((key,)) == f"{path}:1: api_key…"
    assert read(path, '"x\\u2028y": 1\n').locate(("x\u2028y",)) == f"{path}:1: 'x\\u2028y'"


def test_a_file_that_is_too_large_is_not_read(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(10 * 2**30)  # sparse: takes no room

    with pytest.raises(SettingsError) as caught:
        read_yaml_file(path)

    assert caught.value.problems == (f"{path}: is larger than 4194304 bytes",)


def test_a_missing_file_and_a_directory_are_refused(path: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read: No such file or directory"):
        read_yaml_file(path)
    with pytest.raises(SettingsError, match="cannot be read: Is a directory"):
        read_yaml_file(tmp_path)


@contextmanager
def nobody() -> Iterator[None]:
    """Root may read everything: be somebody else for a while."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65_534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_a_file_without_permission_is_refused(path: Path) -> None:
    path.write_text("a: 1\n")
    path.chmod(0)
    with nobody(), pytest.raises(SettingsError, match="cannot be read: Permission denied"):
        read_yaml_file(path)


SECRET = "Zq7Wm4Xk"


@st.composite
def files_with_a_key(draw: DrawFn) -> str:
    """Return a file that holds a key unquoted, somewhere between characters that mean something in YAML."""
    special = st.text("*&!%@`|>'\"{}[],:#?- \n\t\\<~=0a", max_size=4)
    before, between, after = draw(special), draw(special), draw(special)
    return f"api_key:{draw(st.sampled_from([' ', '']))}{before}{SECRET}{between}{SECRET}{after}\nb: 1\n"


@given(files_with_a_key())
@example(f"api_key: *{SECRET}\n")
@example(f"api_key: !{SECRET}!x 1\n")
@example(f"api_key: &{SECRET} 1\nb: &{SECRET} 1\n")
@example(f"%{SECRET} {SECRET}\na: 1\n")
def test_no_problem_quotes_a_value_of_the_file(
    tmp_path_factory: pytest.TempPathFactory, content: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "quoted.yml"
    shown: tuple[str, ...] = ()
    try:
        read(path, content)
    except SettingsError as error:
        shown = error.problems

    assert not [problem for problem in shown if "\n" in problem or SECRET in problem]
