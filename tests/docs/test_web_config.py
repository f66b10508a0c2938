import re
from pathlib import Path

from pin_exporter.metrics.exporter import REFUSALS
from pin_exporter.toolkit.web.config import _HEADERS
from pin_exporter.toolkit.web.config_tls import _CLIENT_AUTH, _CURVES, _KEYS, _UNVERIFIED_CLIENT_AUTH

PAGE = (Path(__file__).parents[2] / "docs" / "web-config.md").read_text(encoding="utf-8")


def rows(first: str) -> dict[str, str]:
    """Return the table whose head begins with a word: its first column, and the rest."""
    table = PAGE.partition(f"| {first} |")[2].partition("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in table]
    return {row[0].strip("`"): row[1] for row in cells}


def test_every_key_of_the_code_is_in_the_table_and_no_other() -> None:
    listed = {key.partition(".")[2] for key in rows("key") if key.startswith("tls_server_config.")}
    inline = {"cert", "key", "client_ca"}
    assert listed == set(_KEYS) - inline
    for key in inline:
        assert f"`{key}`" in rows("key")[f"tls_server_config.{key}_file"]


def test_the_values_of_the_table_are_those_of_the_code() -> None:
    table = rows("key")
    modes = re.findall(r"`(\w+)`", table["tls_server_config.client_auth_type"])
    assert modes == [*_CLIENT_AUTH, *_UNVERIFIED_CLIENT_AUTH[:2]]
    assert re.findall(r"`(\w+)`", table["tls_server_config.curve_preferences"]) == list(_CURVES)
    assert re.findall(r"`([\w-]+)`", table["http_server_config.headers"]) == list(_HEADERS)


def test_the_reasons_are_those_of_the_code() -> None:
    assert tuple(rows("`reason`")) == REFUSALS
