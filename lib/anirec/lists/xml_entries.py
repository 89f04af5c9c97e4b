"""Entries of XML lists, also of files that are no XML to the letter."""

from __future__ import annotations

import html.entities
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from anirec.config import InputError

MAX_DEPTH = 16
"""Levels of elements in an XML list, at most; an export has three."""

ENTRY_TAGS = frozenset(["anime", "manga"])
NAME = r"(?:[A-Za-z_][\w.-]*:)?"
_PROLOG = re.compile(r"\s*<\?xml[^>]*\?>")
_HARMLESS_DOCTYPE = re.compile(r"<!DOCTYPE[^\[<>]*>", re.I)
_DECLARES = re.compile(r"<!DOCTYPE[^>]*\[|<!ENTITY", re.I)
_UNIT = re.compile(
    rf"<!\[CDATA\[(?:(?!\]\]>|</{NAME}anime>).)*\]\]>|<!--(?:(?!-->|</{NAME}anime>).)*-->"
    rf"|<(?P<end>/?){NAME}(?P<tag>anime|manga)(?=[\s/>])(?P<rest>[^<>]*)>",
    re.S,
)
_CDATA = re.compile(r"(<!\[CDATA\[.*?\]\]>)", re.S)
_REFERENCE = re.compile(
    r"&(?:#(?P<decimal>\d{1,7});|#[xX](?P<hex>[0-9a-fA-F]{1,6});|(?P<name>\w+);)?"
)
_FIELD = re.compile(
    rf"<{NAME}(?P<tag>[A-Za-z_][\w.-]*)(?P<attributes>[^<>]*)>\s*"
    rf"(?:<!\[CDATA\[(?P<literal>.*?)(?:\]\]>|(?=</))|(?P<text>[^<]*))",
    re.S,
)
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TELLING = re.compile(rf"<{NAME}(?:series_animedb_id|series_title|my_status)\b")
KEPT_ENTITIES = frozenset(["amp", "lt", "gt", "quot", "apos"])


@dataclass
class XmlEntries:
    """What an XML list holds: ``anime`` and ``manga`` elements, each as its fields' texts.

    Attributes
    ----------
    entries : (tag, fields): the text of each child by its name, and of a child with an attribute
        ``name`` also by ``name@value``.
    broken : how many elements were there of which no field could be read.
    root : the name of the outermost element, in small letters.
    """

    entries: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    broken: int = 0
    root: str = ""


def read_xml_text(text: str) -> XmlEntries:
    """Return the entries of an XML list.

    One that is no XML to the letter is read entry by entry, so that what is broken costs the
    entry it is in at most.

    Raises
    ------
    InputError
        If it declares entities or is nested too deeply.
    """
    text = _NOT_XML.sub("", _PROLOG.sub("", text, count=1)).strip()
    text = _HARMLESS_DOCTYPE.sub("", text, count=1)
    head = text[: m.start()] if (m := re.search(rf"<{NAME}(?:anime|manga)[\s>]", text)) else text
    if _DECLARES.search(_CDATA.sub("", head)):
        raise InputError("the XML file declares entities (DTD): no list does")
    found = XmlEntries()
    try:
        root = _parsed(text)
    except ParseError:
        return _mended(text)
    found.root = _local(root.tag)
    found.entries = [(_local(e.tag), _fields(e)) for e in _entry_elements(root)]
    return found


def _parsed(text: str) -> Element:
    try:
        return fromstring(text, forbid_dtd=True)
    except DefusedXmlException:
        raise InputError("the XML file declares a document type (DTD): no list does") from None
    except (ValueError, RecursionError):
        raise ParseError("no XML") from None


def _entry_elements(root: Element) -> Iterator[Element]:
    level = [root]
    for _ in range(MAX_DEPTH):
        below: list[Element] = []
        for element in level:
            if _local(element.tag) in ENTRY_TAGS and (len(element) or element is not root):
                yield element
            else:
                below += element
        if not below:
            return
        level = below
    raise InputError("the XML file is nested too deeply: it is no list")


def _local(tag: object) -> str:
    """Return an element's name without its namespace, in small letters."""
    return tag.rpartition("}")[2].rpartition(":")[2].lower() if isinstance(tag, str) else ""


def _fields(element: Element) -> dict[str, str]:
    fields: dict[str, str] = {}
    for child in element:
        text = "".join(child.itertext())
        name = _local(child.tag)
        fields.setdefault(name, text)
        if "name" in child.attrib:
            fields.setdefault(f"{name}@{child.attrib['name'].lower()}", text)
    return fields


def _mended(text: str) -> XmlEntries:
    """Return the entries of a text that is no XML, each read by itself."""
    found = XmlEntries()
    first = re.search(rf"<{NAME}([A-Za-z_][\w.-]*)", text)
    found.root = first[1].lower() if first else ""
    for tag, piece in _pieces(text):
        fields = _piece_fields(piece)
        if fields:
            found.entries.append((tag, fields))
        else:
            found.broken += 1
    return found


def _pieces(text: str) -> Iterator[tuple[str, str]]:
    """Yield the entries' tags and what stands within each, as far as it can be told."""
    place, open_tag = 0, ""
    for unit in _UNIT.finditer(text):
        if unit["tag"] is None:
            continue
        tag, between = unit["tag"].lower(), text[place : unit.start()]
        if unit["end"]:
            if open_tag or _TELLING.search(between):
                yield open_tag or tag, between
            open_tag = ""
        else:
            if open_tag or _TELLING.search(between):
                yield open_tag or "anime", between
            open_tag = "" if unit["rest"].endswith("/") else tag
        place = unit.end()
    rest = text[place:]
    if open_tag or _TELLING.search(rest):
        yield open_tag or "anime", rest


def _piece_fields(piece: str) -> dict[str, str]:
    """Return the fields of an entry; of what is no XML, what can be told of them."""
    sound = "".join(
        part if part.startswith("<![CDATA[") else _REFERENCE.sub(_known_reference, part)
        for part in _CDATA.split(piece)
    )
    sound = re.sub(rf"(</?){NAME}(?=[A-Za-z_])", r"\1", sound)
    try:
        return _fields(fromstring(f"<entry>{sound}</entry>", forbid_dtd=True))
    except (ParseError, DefusedXmlException, ValueError, RecursionError):
        pass
    fields: dict[str, str] = {}
    for match in _FIELD.finditer(piece):
        value = match["literal"] if match["literal"] is not None else match["text"]
        fields.setdefault(match["tag"].lower(), html.unescape(value).strip())
    return fields


def _known_reference(match: re.Match[str]) -> str:
    """Return an entity or a lone ``&`` as XML has it."""
    number = match["decimal"] or (match["hex"] and str(int(match["hex"], 16)))
    if number:
        code = int(number)
        return _escaped(chr(code)) if 32 <= code < 0x110000 and not 0xD800 <= code < 0xE000 else ""
    if match["name"] in KEPT_ENTITIES:
        return match[0]
    if match["name"] and f"{match['name']};" in html.entities.html5:
        return _escaped(html.entities.html5[f"{match['name']};"])
    return "&amp;" + match[0][1:]


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
