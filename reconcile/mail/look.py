"""How the look of tags and words differs, as far as the mail itself says."""

from collections.abc import Iterator

from reconcile.mail.beside import others
from reconcile.mail.change import Detail, Kind
from reconcile.mail.source import Block, Tag


def formed(block: Block) -> list[tuple[tuple[str, ...], str]]:
    """The words by the inline tags around them, neighbours of one form together."""
    runs: list[tuple[tuple[str, ...], str]] = []
    for word in block.words:
        text = ("" if word.glued else " ") + word.text
        if runs and runs[-1][0] == word.form:
            runs[-1] = (word.form, runs[-1][1] + text)
        else:
            runs.append((word.form, text))
    return runs


def form_details(a: Block, b: Block) -> Iterator[Detail]:
    """Which of the same words are bold, struck through and the like on one side alone."""
    left, right = formed(a), formed(b)
    for form, text in left:
        if (form, text) not in right and form:
            yield Detail(Kind.LOOK, "form", f"{'+'.join(form)}: {text.strip()}", None)
    for form, text in right:
        if (form, text) not in left and form:
            yield Detail(Kind.LOOK, "form", None, f"{'+'.join(form)}: {text.strip()}")


def break_details(a: Block, b: Block) -> Iterator[Detail]:
    """Where lines end elsewhere between the same words; between others only that they do."""
    if a.key == b.key and len(a.words) == len(b.words):
        for old, new in zip(a.words, b.words, strict=True):
            if old.breaks != new.breaks:
                yield Detail(Kind.LOOK, f"line breaks before “{new.text}”", str(old.breaks), str(new.breaks))
        return
    sides = [sum(word.breaks for word in block.words) for block in (a, b)]
    if sides[0] != sides[1]:
        yield Detail(Kind.LOOK, "line breaks", str(sides[0]), str(sides[1]))


def unstyled(tag: Tag, styled: str) -> dict[str, str]:
    """What is neither look nor content of a tag, nor has a rule in the style sheets; classes without one, too."""
    found = {name: value for name, value in others(tag).items() if not _ruled(name, value, styled)}
    idle = [each for each in tag.look.get("class", "").split() if not _ruled("class", each, styled)]
    return found | ({"class": " ".join(idle)} if idle else {})


def _ruled(name: str, value: str, styled: str) -> bool:
    """Whether a rule is about such an attribute: then it is a look."""
    sign = {"id": "#", "class": "."}.get(name)
    return f"[{name}" in styled or (sign is not None and f"{sign}{value}".lower() in styled)


def _look(tag: Tag, styled: str) -> dict[str, str]:
    """What gives a tag its look, with its classes and other attributes as far as a rule is about them."""
    found = dict(tag.look)
    ruled = [each for each in found.pop("class", "").split() if _ruled("class", each, styled)]
    if ruled:
        found["class"] = " ".join(ruled)
    return found | {name: value for name, value in others(tag).items() if _ruled(name, value, styled)}


def look_details(old: Tag, new: Tag, styled: str) -> Iterator[Detail]:
    """How the look of a tag differs; ``styled`` are the style sheets of both mails, in small letters."""
    left, right = _look(old, styled), _look(new, styled)
    for name in dict.fromkeys([*left, *right]):
        if name == "bgcolor" and _same_change(left, right, "bgcolor", "background-color"):
            continue  # written twice for old readers; it is one colour
        if left.get(name) != right.get(name):
            yield Detail(Kind.LOOK, name, left.get(name), right.get(name))


def _same_change(left: dict[str, str], right: dict[str, str], one: str, other: str) -> bool:
    return (left.get(one), right.get(one)) == (left.get(other), right.get(other))
