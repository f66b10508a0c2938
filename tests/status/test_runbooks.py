import re

from pin_exporter.api.errors import REASONS
from pin_exporter.status import runbooks
from pin_exporter.status.runbooks import BY_REASON, blocks, pieces, read_runbooks

NAMED = {value for value in vars(runbooks).values() if str(value).startswith("AIOZPin")}


def test_every_runbook_exists_and_links_to_others() -> None:
    texts = read_runbooks()
    assert texts.keys() >= NAMED | {"README"}
    linked = {runbook for text in texts.values() for *_, runbook in pieces(text)}
    assert linked - {""} == texts.keys()


def test_every_reason_has_a_runbook() -> None:
    assert BY_REASON.keys() == set(REASONS)
    assert set(BY_REASON.values()) <= NAMED
    assert BY_REASON["forbidden"] == BY_REASON["unauthorized"] == "AIOZPinCredentialsRejected"
    assert BY_REASON["timeout"] == BY_REASON["server_error"] == "AIOZPinPollErrorsHigh"


TEXT = """\
# Name

One **bold
word** and
[a runbook](AIOZPinA.md#section).

## Two | words

| head | last |
|---|---|
| `a_b` | [a page](../page.md) |

1. First, over
   two lines:

   ```promql
   up{a="<b>"}

     == 0 # no [link](README.md)
   ```

   - nested
- last `code
"""


def test_blocks_are_headings_code_and_paragraphs_without_their_line_breaks() -> None:
    assert list(blocks(TEXT)) == [
        ("h1", "Name"),
        ("p", "One **bold word** and [a runbook](AIOZPinA.md#section)."),
        ("h2", "Two | words"),
        ("p", "head · last"),
        ("p", "`a_b` · [a page](../page.md)"),
        ("p", "1. First, over two lines:"),
        ("pre", 'up{a="<b>"}\n\n  == 0 # no [link](README.md)\n'),
        ("p", "- nested"),
        ("p", "- last `code"),
    ]


def test_pieces_are_code_bold_words_and_links_to_other_runbooks() -> None:
    shown = [piece for piece in pieces("a **b** `c[1](D.md)` [e](F.md#g) [h](../i.md) `j") if any(piece)]
    assert [piece for piece in shown if piece[1] != " "] == [
        ("", "a ", ""),
        ("strong", "b", ""),
        ("code", "c[1](D.md)", ""),
        ("a", "e", "F"),
        ("", "h", ""),
        ("", " `j", ""),
    ]


def test_no_markup_is_left_in_the_runbooks() -> None:
    for text in read_runbooks().values():
        for element, block in blocks(text):
            plain = "".join(piece for kind, piece, _ in pieces(block) if kind != "code")
            assert element == "pre" or not re.search(r"[`|#]|\*\*|\]\(", plain), block
