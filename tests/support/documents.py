"""An HTML page, parsed into what tests check."""

from html.parser import HTMLParser

BLOCKS = {"td", "th", "div", "dt", "li"}
VOID = {"meta", "link", "br", "img", "rect"}


class Document(HTMLParser):
    """A page's elements, links and text; a wrongly nested tag fails the test."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.title = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open, f"never closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "br":
            self.text += "\n"
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag
        if tag in BLOCKS:
            self.text += "\n"

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._open[-1:] == ["title"]:
            self.title += data

    @property
    def tags(self) -> set[str]:
        """Return the names of all elements."""
        return {tag for tag, _ in self.elements}

    @property
    def links(self) -> list[str]:
        """Return where the links lead."""
        return self.attributes("a", "href")

    @property
    def words(self) -> str:
        """Return the text with its white space as a browser shows it."""
        return " ".join(self.text.split())

    def attributes(self, tag: str, name: str) -> list[str]:
        """Return an attribute's value on all elements of a kind that have it."""
        return [
            value for each, given in self.elements if each == tag and (value := given.get(name)) is not None
        ]
