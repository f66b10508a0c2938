import re
from pathlib import Path

from pin_exporter.toolkit.web.config import HEADERS
from pin_exporter.toolkit.web.config_tls import CLIENT_AUTH_TYPES, CURVES, KEYS
from pin_exporter.toolkit.web.limits import Refusal

PAGE = (Path(__file__).parents[2] / "docs" / "web-config.md").read_text(encoding="utf-8")


def rows(first: str) -> dict[str, str]:
    """Return the table whose head begins with a word: its first column, and the rest."""
    table = PAGE.partition(f"| {first} |")[2].partition("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in table]
    return {row[0].strip("`"): row[1] for row in cells}


def test_every_key_of_the_code_is_in_the_table_and_no_other() -> None:
    listed = {key.partition(".")[2] for key in rows("key") if key.startswith("tls_server_config.")}
    inline = {"cert", "key", "client_ca"}
    assert listed == set(KEYS) - inline
    for key in inline:
        assert f"`{key}`" in rows("key")[f"tls_server_config.{key}_file"]


def test_the_values_of_the_table_are_those_of_the_code() -> None:
    table = rows("key")
    modes = re.findall(r"`(\w+)`", table["tls_server_config.client_auth_type"])
    assert modes == list(CLIENT_AUTH_TYPES)
    assert re.findall(r"`(\w+)`", table["tls_server_config.curve_preferences"]) == list(CURVES)
    assert re.findall(r"`([\w-]+)`", table["http_server_config.headers"]) == list(HEADERS)


def test_the_reasons_are_those_of_the_code() -> None:
    assert list(rows("`reason`")) == [*Refusal]
