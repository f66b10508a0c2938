import pytest
from hypothesis import given
from hypothesis import strategies as st

from pin_exporter.toolkit.exposition.encoder import Format
from pin_exporter.toolkit.exposition.negotiation import accepts_gzip, choose_format, prefers_json

TEXT, OPENMETRICS = Format.TEXT, Format.OPENMETRICS
OM = "application/openmetrics-text"
PROMETHEUS_3 = (
    f"{OM};version=1.0.0;escaping=allow-utf-8;q=0.6,{OM};version=0.0.1;q=0.5,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
PROTOBUF_FIRST = (
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,"
    f"{OM};version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.4"
)
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        pytest.param(PROMETHEUS_3, OPENMETRICS, id="Prometheus 3"),
        pytest.param(PROTOBUF_FIRST, OPENMETRICS, id="Prometheus with native histograms"),
        pytest.param(BROWSER, TEXT, id="a browser"),
        ("", TEXT),
        ("application/*", OPENMETRICS),
        ("image/png", TEXT),
        (f" {OM.upper()} ; Q = 0.9 , text/plain ; q=0.1", OPENMETRICS),
        (f"{OM};q=0", TEXT),
        (f"{OM};q=0,*/*", TEXT),
        ("text/plain;q=0,*/*", OPENMETRICS),
        (f"text/plain;q=0.5,{OM};version=0.0.1;q=0.1,{OM};version=1.0.0;q=0.9", OPENMETRICS),
        (f"text/plain,{OM}", TEXT),
        (f"{OM},text/plain", OPENMETRICS),
        (f"*/*,{OM}", OPENMETRICS),
        ("text/*;q=0.5,*/*;q=0.8", OPENMETRICS),
        (f"{OM};q=2", TEXT),
        (f"text/plain;q=-1,{OM};q=0", TEXT),
        (f"{OM};q=high", TEXT),
        (f",;,;q=1,{OM}", OPENMETRICS),
    ],
)
def test_the_format_is_the_one_that_the_client_prefers(accept: str, chosen: Format) -> None:
    assert choose_format(accept) is chosen


@given(st.floats(0, 1), st.floats(0, 1))
def test_the_higher_quality_wins(text: float, openmetrics: float) -> None:
    accept = f"text/plain;q={text:.3f},{OM};q={openmetrics:.3f}"
    better = OPENMETRICS if round(openmetrics, 3) > round(text, 3) else TEXT
    assert choose_format(accept) is better


@given(st.text(st.characters(), max_size=60) | st.text("*/,;=q01. textplain", max_size=60))
def test_any_header_has_a_result(header: str) -> None:
    assert choose_format(header) in Format
    assert accepts_gzip(header) in (True, False)
    assert prefers_json(header) in (True, False)


GZIP = ("gzip", "GZIP", "gzip, deflate, br", "br;q=1.0, gzip;q=0.8, *;q=0.1", "*", "gzip;q=0.001")
NO_GZIP = ("gzip;q=0, *", "gzip;q=0", "*;q=0", "identity", "deflate", "")


@pytest.mark.parametrize("accept_encoding", [*GZIP, *NO_GZIP])
def test_gzip_is_used_if_accepted(accept_encoding: str) -> None:
    assert accepts_gzip(accept_encoding) is (accept_encoding in GZIP)


JSON = (
    *("application/*", "application/json", "APPLICATION/JSON;charset=utf-8", "application/json, text/html"),
    *("application/json;q=0.5, text/html;q=0.4", "application/json, */*"),
)
NO_JSON = (
    *("", "*/*", BROWSER, "text/html, application/json", "text/*, application/json;q=0.9", "image/png"),
    *("application/json;q=0", "application/json;q=banana"),
)


@pytest.mark.parametrize("accept", [*JSON, *NO_JSON])
def test_json_is_sent_if_preferred_to_html(accept: str) -> None:
    assert prefers_json(accept) is (accept in JSON)
