"""Style declarations and sheets in one spelling, so that only what they say is compared."""

import re


def names(text: str) -> frozenset[str]:
    """The words of a text, as a set."""
    return frozenset(text.split())


# Attributes by which people see a tag.
LOOKS = names(
    "style bgcolor color background width height align valign class border cellpadding cellspacing face size hidden"
    " bordercolor nowrap"
)


def declarations(style: str) -> dict[str, str]:
    """The declarations of a ``style``, in one spelling; a later one counts."""
    found: dict[str, str] = {}
    for part in re.split(r";(?![^(]*\))", style):
        name, colon, value = part.partition(":")
        if colon and name.strip():
            found[name.strip().lower()] = re.sub(r"\s*([,!])\s*", r"\1", " ".join(value.split())).lower()
    return found


def css_rules(sheet: str) -> list[str]:
    """A style sheet's rules in one spelling; those within ``@media`` have its condition before them."""
    text = re.sub(r"/\*.*?\*/|<!--|-->", " ", sheet, flags=re.DOTALL)
    rules: list[str] = []
    conditions: list[str] = []
    for match in re.finditer(r"([^{};]*)([{};]|$)", text):
        head, sign = " ".join(match[1].split()), match[2]
        if sign == "{":
            conditions.append(re.sub(r"\s*([,:>])\s*", r"\1", head))
            start = match.end()
            if not head.lower().startswith(("@media", "@supports", "@layer")):
                end = text.find("}", start)
                body = declarations(text[start : end if end >= 0 else len(text)])
                told = ";".join(f"{name}:{value}" for name, value in body.items())
                rules.append(f"{' '.join(conditions)}{{{told}}}")
        elif sign == "}" and conditions:
            conditions.pop()
        elif sign == ";" and head and not conditions:
            rules.append(head)
    return rules
