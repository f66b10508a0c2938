import re
from pathlib import Path

import pytest

from pin_exporter.commands.cli import main
from pin_exporter.config.names import flag_of
from pin_exporter.config.settings import AccountSettings, Settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
DURATIONS = {"poll_interval", "request_timeout", "connect_timeout"}
FLAGS = {
    "shard",
    "total_shards",
    "config_file",
    "web_listen_address",
    "web_config_file",
    "web_enable_lifecycle",
    "web_telemetry_path",
    "log_level",
    "log_format",
}


def expected_row(name: str) -> str:
    field = Settings.model_fields[name]
    default = field.default
    if name in DURATIONS:
        shown = f"`{default:g}s`"
    elif default is None or default == ():
        shown = "-"
    else:
        shown = f"`{', '.join(default) if isinstance(default, tuple) else default}`"
    flag = f", `{flag_of(name)}`" if name in FLAGS else ""
    return f"| `{name}`{flag} | {shown} | {field.description} |"


def settings_table() -> list[str]:
    table = README.partition("<!-- settings:")[2].partition("\n\n## ")[0]
    return [line for line in table.splitlines() if line.startswith("| `")]


def test_the_table_of_settings_says_what_the_code_says() -> None:
    assert settings_table() == [expected_row(name) for name in Settings.model_fields]


def test_what_an_account_of_the_file_may_set_is_described() -> None:
    own = AccountSettings.model_fields.keys() - {"name"}
    assert own <= Settings.model_fields.keys()
    for name in own:
        assert f"`{name}`" in README


def test_the_flags_in_the_table_are_those_of_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["serve", "--help"])
    told = set(re.findall(r"^  (--[a-z.-]+)", capsys.readouterr().out, re.MULTILINE))
    assert told - {"--config.check"} == {flag_of(name) for name in FLAGS}


def anchors(document: Path) -> set[str]:
    """Return the anchors that GitHub makes of a document's headings."""
    prose = re.sub(
        r"^ *```.*?^ *```$", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
    )
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(
    "document",
    sorted(
        path.relative_to(ROOT).as_posix()
        for pattern in ("*.md", "docs/**/*.md", "grafana/**/*.md", "dev/*.md", "dev/*/README.md")
        for path in ROOT.glob(pattern)
    ),
)
def test_every_link_within_the_project_leads_somewhere(document: str) -> None:
    path = ROOT / document
    links = re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", path.read_text(encoding="utf-8"))
    for target, anchor in links:
        linked = path.parent / target if target else path
        assert linked.exists(), f"{document} links to {target}"
        assert not anchor or anchor in anchors(linked), f"{document} links to {target}#{anchor}"
