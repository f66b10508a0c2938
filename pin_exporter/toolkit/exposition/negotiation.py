"""Choose what to send by the request's Accept and Accept-Encoding headers, q-values honoured; pure."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pin_exporter.toolkit.exposition.renderer import Format

_MEDIA_TYPES = {Format.TEXT: "text/plain", Format.OPENMETRICS: "application/openmetrics-text"}
_REFUSED = (0.0, 0, 0)


class _Range(NamedTuple):
    name: str
    quality: float


def choose_format(accept: str) -> Format:
    """Return the format that the client likes best; text when it says nothing, or nothing we speak.

    A version that is not spoken is answered with the one that is: the content type says which. Between equal
    wishes the more specific wins, then the one named first. Of several wishes for one format, as for its
    versions, the strongest counts.
    """
    ranges = tuple(_ranges(accept))
    return max((Format.TEXT, Format.OPENMETRICS), key=lambda form: _wish(_MEDIA_TYPES[form], ranges))


def prefers_json(accept: str) -> bool:
    """Return whether the client likes JSON better than HTML, which it gets if it does not say."""
    ranges = tuple(_ranges(accept))
    return _wish("application/json", ranges) > _wish("text/html", ranges)


def accepts_gzip(accept_encoding: str) -> bool:
    """Return whether the client takes gzip."""
    qualities = dict(_ranges(accept_encoding))
    return qualities.get("gzip", qualities.get("*", 0.0)) > 0


def _wish(media_type: str, ranges: Sequence[_Range]) -> tuple[float, int, int]:
    """Return how much a client wants a media type, to be compared; of equals, the first is best."""
    group = media_type.partition("/")[0] + "/*"
    for specificity, name in enumerate((media_type, group, "*/*")):
        wishes = [(r.quality, -specificity, -n) for n, r in enumerate(ranges) if r.name == name]
        if wishes:
            return max(wishes) if max(wishes)[0] else _REFUSED
    return _REFUSED


def _ranges(header: str) -> Iterator[_Range]:
    """Read a list of `name;parameter=value;q=0.5`; what cannot be read is left out."""
    for part in header.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        quality = 1.0
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key.strip() == "q":
                try:
                    quality = float(value)
                except ValueError:
                    quality = 0.0
        if not 0 <= quality <= 1:
            quality = 0.0
        if name:
            yield _Range(name, quality)
