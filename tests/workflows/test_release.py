import pytest

from dev.release import ReleaseError, check_versions, main, release_notes

CHANGELOG = """\
# Changelog

## Unreleased

- Not yet.

## 1.2.3 - 2026-01-31

### Added

- A thing.

## 1.2.30

- Another.

## 1.0.0
"""


def chart_of(version: str, application: str) -> dict[str, str]:
    return {"version": version, "appVersion": application}


def test_tag_package_and_chart_must_name_one_version() -> None:
    assert check_versions("v1.2.3", "1.2.3", chart_of("1.2.3", "1.2.3")) == "1.2.3"


@pytest.mark.parametrize(
    ("package", "version", "application", "message"),
    [
        ("1.2.4", "1.2.3", "1.2.3", "the package is 1.2.4"),
        ("1.2.3", "0.1.0", "1.2.3", "the chart is 0.1.0"),
        ("1.2.3", "1.2.3", "v1.2.3", "the chart's application is v1.2.3"),
    ],
)
def test_a_version_that_differs_is_named(package: str, version: str, application: str, message: str) -> None:
    with pytest.raises(ReleaseError, match=message):
        check_versions("v1.2.3", package, chart_of(version, application))


@pytest.mark.parametrize("tag", ["1.2.3", "v1.2", "v1.2.3-rc.1", "v1.2.3\n", "", "main"])
def test_only_v_and_three_numbers_are_a_release_tag(tag: str) -> None:
    with pytest.raises(ReleaseError, match="not a release tag"):
        check_versions(tag, "1.2.3", chart_of("1.2.3", "1.2.3"))


def test_the_notes_are_the_section_of_exactly_that_version() -> None:
    assert release_notes(CHANGELOG, "1.2.3") == "### Added\n\n- A thing.\n"
    assert release_notes(CHANGELOG, "1.2.30") == "- Another.\n"


@pytest.mark.parametrize("version", ["1.2.4", "1.2", "1.0.0"])
def test_a_version_without_a_changelog_section_is_not_released(version: str) -> None:
    with pytest.raises(ReleaseError, match="no section"):
        release_notes(CHANGELOG, version)


def test_an_error_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match=r"^release: the tag is v999.0.0, but the package is [^\n]*$"):
        main("v999.0.0")
    assert capsys.readouterr().out == ""
