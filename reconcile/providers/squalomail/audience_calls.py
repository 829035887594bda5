"""SqualoMail's calls for an audience, for one person each; ``audience_imports`` has those for many.

Right before a single call its person is read again, so that whoever opted out meanwhile is left alone.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, cast

from reconcile.errors import ApiError, UnknownOutcome
from reconcile.model.bulk import Conduct, Task
from reconcile.providers.audience.audience_apply import FATAL, Writer, pieces
from reconcile.providers.audience.audience_diff import Difference
from reconcile.providers.audience.compare import OFF, promote
from reconcile.providers.audience.texts import YES, key_of
from reconcile.providers.squalomail.audience_imports import Imports
from reconcile.providers.squalomail.audience_load import BUILT_IN, CONSENTS, reload
from reconcile.providers.squalomail.audience_outline import ListOutline, sort
from reconcile.providers.squalomail.filters import equals
from reconcile.providers.squalomail.reading import entity_rows

_BATCH: Final = 200  # people read again at once before their calls
_TAKEN_OFF: Final = 50  # people after whom it is kept who was taken off
_FRESH: Final = 10.0  # seconds after which what was read of people is read again before their calls
# Actions of a recipient's history that are no decision of theirs (System API page, entity History; an open list).
_COMING: Final = frozenset({"created", "subscribed", "confirmed"})


class ListWriter(Writer):
    """Everything that one step of an audience does."""

    def __init__(self, task: Task, found: Difference, conduct: Conduct) -> None:
        super().__init__(task, found, conduct)
        outline = cast(ListOutline, found.outline)
        self._treatments = outline.treatments
        self._imports = Imports(self, outline)
        self._language = str(task.attributes.get("gdpr", {}).get("language", "")).lower()

    def noted(self) -> Iterator[tuple[str, list[object]]]:
        return self._imports.noted()

    def write(self) -> None:
        """Make the calls; what takes something away comes first.

        Raises:
            ImportIncomplete: not all rows of an import were seen before the wait was over.
        """
        self._revoke()
        self._unsubscribe()
        self._update()
        self._create()
        for need, made in self._treatments.items():
            if made.subscribe and not made.imports:
                query = f"SELECT id, key FROM planned WHERE {sort(need)} ORDER BY id"
                self._join(self.work.rows(query), made.subscribe)
        if self._imports.send():
            self._subscribe_imported()
        self._grant()
        self._read_back()

    def _revoke(self) -> None:
        for title in CONSENTS.values():
            query = "SELECT id FROM planned_consent WHERE title = ? AND NOT granted ORDER BY id"
            for subid, row, _ in self._afresh(self.work.rows(query, [title])):
                if row[title]:
                    self._consent("revoke-gdpr-consent", title, recipientId=subid)

    def _unsubscribe(self) -> None:
        people = self.work.rows(
            "SELECT l.id, list(t.id) FROM leaving l JOIN target t ON t.number = l.target GROUP BY l.id ORDER BY l.id"
        )
        for batch in pieces(people, _TAKEN_OFF):
            self._unsubscribe_batch(batch)
            self.keeper.save()

    def _unsubscribe_batch(self, people: Sequence[tuple[Any, ...]]) -> None:
        """Take some people off; a run that is killed meanwhile leaves these alone for good, as if they had left."""
        gone: list[tuple[str, str]] = []
        done: dict[int, set[int]] = {}
        for subid, row, (ids,) in self._afresh(people):
            # False is sent as false. True never: it may have become false this very moment.
            refused: dict[str, Any] = {} if row["accept"] else {"accept": 0}
            listids = [int(id_) for id_ in ids]
            if self._single("unsubscribe-recipient", recipientId=subid, listIds=listids, **refused):
                gone += [(id_, key_of(row["email"])) for id_ in ids]
                done[subid] = set(listids)
        self.work.unmark("mark", gone)
        self._note_taken_off(done)

    def _note_taken_off(self, done: Mapping[int, set[int]]) -> None:
        """Keep how whom we took off reads now, to tell it from what people do themselves."""
        for batch in pieces(list(done), _BATCH):
            conditions = [equals("subid", subid) for subid in batch]
            emails = {row["subid"]: row["email"] for row in entity_rows(self.task.client, "Recipient", conditions)}
            for member in entity_rows(self.task.client, "ListSub", conditions):
                subid, listid = member["subid"], member["listid"]
                if subid in emails and listid in done[subid] and member["status"] != 1 and member["unsubdate"]:
                    self.work.note("mark", f"{OFF}{listid}", [key_of(emails[subid])], member["unsubdate"])

    def _update(self) -> None:
        for subid, row, (cells,) in self._afresh(self._treated("update", "id, cells", "NOT is_new")):
            self._single("update-recipient", id=subid, **_changed(row, self._values(cells), self._tags(cells)))

    def _create(self) -> None:
        for email, lists, cells in self._treated("create", "email, lists, cells"):
            arguments = _changed({}, self._values(cells), self._tags(cells))
            self._make(email, {**arguments, "email": email, "listIds": self.list_ids(lists)})

    def _make(self, email: str, arguments: dict[str, Any]) -> None:
        """Create somebody; where the reply is lost, it is looked whether they are there."""
        try:
            self.send("create-recipient", **arguments)
        except FATAL:
            raise
        except ApiError as error:
            if isinstance(error, UnknownOutcome):
                found = entity_rows(self.task.client, "Recipient", [equals("email", email)])
                if any(key_of(row["email"]) == key_of(email) for row in found):
                    return
            self.failed(error)
        finally:
            self.progress.add(1)

    def _join(self, people: Sequence[tuple[Any, ...]], lists: int) -> None:
        """Put people on lists; whoever left meanwhile, or was there before, is left alone."""
        listids = self.list_ids(lists)
        for subid, row, _ in self._afresh(people, memberships=True):
            joining = [listid for listid in listids if self._may_join(subid, listid, row["_lists"])]
            if row["accept"] and joining:
                self._single("subscribe-recipient", recipientId=subid, listIds=joining)

    def _may_join(self, subid: int, listid: int, memberships: Mapping[int, Mapping[str, Any]]) -> bool:
        there = memberships.get(listid)
        if there is None:
            return True
        # Whom we took off ourselves reads as after our call.
        known = self.work.rows(
            "SELECT m.until FROM member m SEMI JOIN brought_back USING (id, target) JOIN target t "
            "ON t.number = m.target WHERE m.id = ? AND t.id = ?",
            [subid, str(listid)],
        )
        return there["status"] != 1 and (there["unsubdate"],) in known

    def _subscribe_imported(self) -> None:
        """What imports can't do for those whom they brought in."""
        for need, made in self._treatments.items():
            if made.imports and made.subscribe:
                people = f"(SELECT key FROM planned WHERE {sort(need)})"
                query = f"SELECT live.id, key FROM {people} JOIN live USING (key) ORDER BY key"
                self._join(self.work.rows(query), made.subscribe)

    def _grant(self) -> None:
        query = "FROM planned_consent WHERE title = ? AND granted AND id IS"
        for title in CONSENTS.values():
            for batch in pieces(self.work.rows(f"SELECT id, key {query} NOT NULL ORDER BY id", [title]), _BATCH):
                self._owe_no_more(title, [key for _, key in batch])
                meddled = self._meddled([subid for subid, _ in batch])
                for subid, row, _ in self._afresh(batch):
                    undecided = any(row[other] for other in CONSENTS.values()) or subid not in meddled
                    if not row[title] and row["needs_gdpr_consent"] and undecided:
                        self._consent("grant-gdpr-consent", title, recipientId=subid)
            for batch in pieces(self.work.rows(f"SELECT email, key {query} NULL ORDER BY key", [title]), _BATCH):
                self._owe_no_more(title, [key for _, key in batch])
                for email, _ in batch:
                    self._consent("grant-gdpr-consent-by-email", title, email=email)

    def _meddled(self, subids: Sequence[int]) -> set[int]:
        """People in whose history there is more than their coming: a refusal may be among it."""
        rows = entity_rows(self.task.client, "History", [equals("subid", subid) for subid in subids])
        return {row["subid"] for row in rows if row["action"] not in _COMING}

    def _consent(self, operation: str, title: str, **person: Any) -> None:
        self._single(operation, **person, consentTitle=title, language=self._language)

    def _owe_no_more(self, title: str, keys: Sequence[str]) -> None:
        """Before consents are granted, not after: who revokes one later must not seem to be still owed it."""
        self.work.unmark("pending", [(title, key) for key in keys])
        self.keeper.save()

    def _read_back(self) -> None:
        """Read those who were put somewhere by single calls, to know since when they are there."""
        if any(made.create or made.subscribe for made in self._treatments.values()):
            people = self.work.rows("SELECT email FROM planned WHERE is_new OR lists <> 0 ORDER BY key")
            for batch in pieces(people, _BATCH):
                reload(self.work, self.task, self.goal, [email for (email,) in batch])
        promote(self.work, self.found.platform.traits)

    # What they share

    def _single(self, operation: str, **arguments: Any) -> bool:
        made = self.attempt(operation, **arguments)
        self.progress.add(1)
        return made

    def list_ids(self, lists: int) -> list[int]:
        """The ids of lists that are given as a bit mask."""
        return [int(t.id) for index, t in enumerate(self.goal.targets) if lists >> index & 1 and t.id is not None]

    def _values(self, cells: Sequence[str]) -> dict[str, str]:
        pairs = zip(self.goal.attributes, cells, strict=True)
        return {attribute.name: cell for attribute, cell in pairs if attribute.how not in ("consent", "tags")}

    def _tags(self, cells: Sequence[str]) -> Sequence[str]:
        """The tags that somebody is to have."""
        own = (label.strip(" ") for number in self.goal.numbers("tags") for label in cells[number - 1].split(","))
        return list(dict.fromkeys((*self.goal.tags, *filter(None, own))))

    def _treated(self, how: str, columns: str, condition: str = "true") -> list[tuple[Any, ...]]:
        """The people whose treatment has a certain single call."""
        sorts = [sort(need) for need, made in self._treatments.items() if getattr(made, how)]
        if not sorts:
            return []
        query = f"SELECT {columns} FROM planned WHERE ({' OR '.join(sorts)}) AND {condition} ORDER BY key"
        return self.work.rows(query)

    def _afresh(
        self, people: Sequence[tuple[Any, ...]], *, memberships: bool = False
    ) -> Iterator[tuple[int, dict[str, Any], list[Any]]]:
        """People with their rows as they are right now; who is gone is left out."""
        remaining = deque(people)
        while remaining:
            batch = list(islice(remaining, _BATCH))
            rows, read = self._rows_of(batch, memberships=memberships), self.conduct.now()
            for place, (subid, *rest) in enumerate(batch):
                if place and self.conduct.now() - read > _FRESH:
                    break
                remaining.popleft()
                if subid in rows:
                    yield subid, rows[subid], rest

    def _rows_of(self, batch: Sequence[tuple[Any, ...]], *, memberships: bool) -> dict[int, dict[str, Any]]:
        conditions = [equals("subid", subid) for subid, *_ in batch]
        rows = {row["subid"]: row for row in entity_rows(self.task.client, "Recipient", conditions)}
        if memberships:
            for row in rows.values():
                row["_lists"] = {}
            for member in entity_rows(self.task.client, "ListSub", conditions):
                if member["subid"] in rows:
                    rows[member["subid"]]["_lists"][member["listid"]] = member
        return rows


def _changed(row: Mapping[str, Any], wanted: Mapping[str, str], tags: Sequence[str]) -> dict[str, Any]:
    """The members of an update: what is live, then what is wanted.

    Whether the platform keeps members that are left out is not documented; it may reset them to what a new recipient
    has. So what is false is sent as false. What is true is left out: it may have become false this very moment.
    """
    members: dict[str, Any] = {name: row[name] for name in BUILT_IN if row.get(name)}
    members |= {name: value for name, value in wanted.items() if value and name in BUILT_IN}
    if wanted.get("gender"):
        members["gender"] = wanted["gender"].lower()
    own = {pair["Key"]: pair["Value"] for pair in row.get("user_defined_fields") or () if pair["Value"]}
    own |= {name: value for name, value in wanted.items() if value and name not in (*BUILT_IN, "gender", "html")}
    members |= {name: False for name in ("accept", "enabled", "html", "confirmed") if row.get(name) == 0}
    if wanted.get("html"):
        members["html"] = wanted["html"].lower() in YES
    if own:
        members["customAttributes"] = [{"name": name, "value": value} for name, value in own.items()]
    live = list(row.get("tags") or ())
    if set(tags) - set(live):
        members["tags"] = [*live, *(tag for tag in tags if tag not in live)]
    return members
