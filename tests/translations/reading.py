"""What a person reads of a page: its texts and the attributes that are read out or shown as hints."""

from html.parser import HTMLParser

SHOWN_ATTRIBUTES = ("title", "aria-label", "placeholder", "alt")
# Code, data and what somebody typed.
UNREAD = {"script", "style", "pre", "code", "textarea", "svg"}
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


class Reader(HTMLParser):
    """`texts` after `feed`: each with single blanks."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []
        self._unread: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        if not self._unread:
            self.texts += [" ".join((said.get(name) or "").split()) for name in SHOWN_ATTRIBUTES if said.get(name)]
        if tag not in VOID and (
            tag in UNREAD or "material-symbols-outlined" in (said.get("class") or "") or self._unread
        ):
            self._unread.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._unread and tag in self._unread:
            while self._unread.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        text = " ".join(data.split())
        if text and not self._unread:
            self.texts.append(text)


def texts_of(page: str) -> list[str]:
    reader = Reader()
    reader.feed(page)
    return reader.texts
