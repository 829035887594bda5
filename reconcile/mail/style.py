"""Style declarations and sheets in one spelling, so that only what they say is compared, and no minifier's hand."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache


def names(text: str) -> frozenset[str]:
    """The words of a text, as a set."""
    return frozenset(text.split())


# Attributes by which people see a tag.
LOOKS = names(
    "style bgcolor color background width height align valign class border cellpadding cellspacing face size hidden"
    " bordercolor nowrap dir colspan rowspan start reversed hspace vspace text link vlink alink noshade clear"
)
_URL = re.compile(r"url\(\s*(?:\"([^\"]*)\"|'([^']*)'|([^)]*?))\s*\)", re.IGNORECASE)
_KEPT = re.compile(rf"{_URL.pattern}|\"[^\"]*\"|'[^']*'", re.IGNORECASE)  # what people read or what is looked up, too
_NUMBER = re.compile(r"(?<![\w.#-])([+-]?)(\d*\.?\d+)(px|em|rem|pt|pc|ex|ch|in|cm|mm|vw|vh)?(?![\w.])")
_COLOR = re.compile(r"#[0-9a-f]{3,8}\b|\b(?:rgb|hsl)a?\([^()]*\)|(?<![\w-])[a-z]{3,20}(?![\w(-])")
_QUOTED = re.compile(r"([\"'])([a-z][\w -]*)\1")
_COLORED = re.compile(r"(?:^|-)color$|^(?:background|border|outline|box-shadow|text-shadow)(?:$|-)")
_BOXES = re.compile(r"^(?:margin|padding|border-(?:width|color|style|radius))$")
_RESET_BY = {"line-height": "font"}  # what a shorthand resets beside what begins with its name


def declarations(style: str) -> dict[str, str]:
    """The declarations of a ``style``, in one spelling; a later one counts, for what its shorthand holds, too."""
    found: dict[str, str] = {}
    for part in re.split(r";(?![^(]*\))", style):
        name, colon, value = part.partition(":")
        name = name.strip().lower()
        if colon and name:
            value = spelled(name, value)
            if "!important" in found.get(name, "") and "!important" not in value:
                continue
            for other in [*found]:
                reset = other.startswith(f"{name}-") or _RESET_BY.get(other) == name
                if reset and ("!important" not in found[other] or "!important" in value):
                    del found[other]
            found[name] = value
    return found


@lru_cache(maxsize=20_000)
def spelled(name: str, value: str) -> str:
    """The value of a declaration in one spelling: colours, numbers, quotes and repetition at their shortest."""
    parts, end = [], 0
    for match in (_URL if name.startswith("font") else _KEPT).finditer(value):
        address = next((part for part in match.groups() if part is not None), None)
        parts += [_plain(name, value[end : match.start()]), match[0] if address is None else f"url({address})"]
        end = match.end()
    text = "".join([*parts, _plain(name, value[end:])]).strip()
    if _BOXES.match(name) and "(" not in text:
        text = _sides(text)
    return "0" if name in ("border", "outline") and text == "none" else text


def _plain(name: str, value: str) -> str:
    text = re.sub(r"\s*([,!/])\s*", r"\1", re.sub(r"\s+", " ", value)).lower()
    if name == "font-weight":
        text = {"bold": "700", "normal": "400"}.get(text.strip(), text)
    if name in ("font", "font-family"):
        text = _QUOTED.sub(r"\2", text)
    if _COLORED.search(name):
        text = _COLOR.sub(lambda match: _color(match[0]), text)
    return _NUMBER.sub(_number, text)


def _number(match: re.Match[str]) -> str:
    sign, digits, unit = match[1], match[2], match[3] or ""
    whole, point, fraction = digits.partition(".")
    fraction = fraction.rstrip("0")
    text = whole.lstrip("0") + (point + fraction if fraction else "")
    return f"{sign.strip('+')}{text}{unit}" if text else "0"


@lru_cache(maxsize=2_000)
def _color(text: str) -> str:
    from coloraide import Color

    found = Color.match(text, fullmatch=True)
    if found is None or found.color.alpha() != 1:
        return text.replace(" ", "")
    return found.color.convert("srgb").to_string(hex=True, compress=True)


def _sides(value: str) -> str:
    """``0 4px 0 4px`` as ``0 4px``."""
    text, mark, important = value.partition("!")
    sides = text.split()
    if len(sides) == 4 and sides[3] == sides[1]:
        sides.pop()
    if len(sides) == 3 and sides[2] == sides[0]:
        sides.pop()
    if len(sides) == 2 and sides[1] == sides[0]:
        sides.pop()
    return " ".join(sides) + mark + important


def css_rules(sheet: str) -> list[str]:
    """A style sheet's rules in one spelling, one for each selector; within ``@media`` its condition is before them."""
    told: list[tuple[str, dict[str, str]]] = []
    for head, body in _spelled_rules(sheet):
        if told and told[-1][0] == head:
            told[-1] = head, told[-1][1] | body
        else:
            told.append((head, body))
    return [
        head
        if head.startswith("@") and not body
        else f"{head}{{{';'.join(f'{name}:{value}' for name, value in sorted(body.items()))}}}"
        for head, body in told
    ]


def _spelled_rules(sheet: str) -> Iterator[tuple[str, dict[str, str]]]:
    for rule in rules(sheet):
        if rule.body is None:
            yield f"@{' '.join(rule.head.split()).removeprefix('@')}", {}
            continue
        head = _head(rule.head)
        if not head.lower().startswith(("@media", "@supports", "@layer")):
            body = declarations(rule.body)
            selectors = re.split(r",(?![^(\[]*[)\]])", head) if not head.startswith("@") else [head]
            for selector in sorted(selectors) if body else ():
                yield " ".join([*map(_head, rule.around), selector]), body


def _head(text: str) -> str:
    return re.sub(r"\s*([,:>+~])\s*", r"\1", " ".join(text.split()))


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of a style sheet as it is written, and where: its head, the heads around it, and what is in its braces.

    ``body`` ends with the first brace; None: it is a statement, such as an import.
    """

    around: tuple[str, ...]
    head: str
    body: str | None
    at: int


def rules(sheet: str) -> Iterator[Rule]:
    """The rules of a style sheet, those around others before these."""
    text = re.sub(r"/\*.*?\*/|<!--|-->", lambda match: " " * len(match[0]), sheet, flags=re.DOTALL)
    around: list[str] = []
    for match in re.finditer(r"([^{};]*)([{};]|$)", text):
        head, sign = match[1].strip(), match[2]
        at = match.end(1) - len(match[1].lstrip())
        if sign == "{":
            end = text.find("}", match.end())
            yield Rule(tuple(around), head, text[match.end() : end if end >= 0 else len(text)], at)
            around.append(head)
        elif sign == "}" and around:
            around.pop()
        elif sign == ";" and head and not around:
            yield Rule((), head, None, at)
