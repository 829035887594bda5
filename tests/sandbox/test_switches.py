"""Each switch changes the behaviour that it names; every case fails with the default in place of its value."""

import ast
import base64
import re
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest

import reconcile.sandbox
from reconcile.sandbox.switches import DISTORTIONS, SQUALOMAIL, Switches

Api = Any
START = 1_800_000_000
DISTORTED = {name for name, _ in DISTORTIONS["squalomail"]}  # see test_distortions.py
NAMES = {switch.name for switch in SQUALOMAIL}
SOURCES = Path(reconcile.sandbox.__file__).parent


def _named(api: Api) -> object:
    number = api.list("A", description="d")
    return [api("update-list", **{key: number}, name="A")["errorCode"] == 0 for key in ("id", "listId", "no")]


def _renamed(api: Api) -> object:
    api.list("A")
    api("update-list", id=1, name="B")
    return [row["name"] for row in api.data("List")]


def _list_after_update(api: Api) -> object:
    api.ok("update-list", id=api.list(description="d"), name="B")
    return api.data("List")[0]["description"]


def _newsletter_after_update(api: Api) -> object:
    api.ok("update-newsletter", id=api.newsletter(altBody="x", addUtm=True, utmSource="s"), subject="B", utmSource="t")
    return api.data("Mail")[0]["altbody"]


def _recipient_after_update(api: Api) -> object:
    api.ok("update-recipient", id=api.recipient(name="Ada"))
    return api.data("Recipient")[0]["name"]


def _twice(function: str, **arguments: Any) -> Callable[[Api], object]:
    def _calls(api: Api) -> object:
        return [api(function, **arguments)["errorCode"] == 0 for _ in range(2)]

    return _calls


def _statuses(api: Api) -> object:
    found = []
    for body in ({}, {"apiKey": "K"}, {"apiKey": "K", "listId": 9}):
        api.post("delete-list", body)
        found.append(api.last.status_code)
    return found


def _lists_payload(api: Api) -> object:
    api.list("A")
    mail = api.newsletter()
    answers = [
        api("get-lists"),
        api("update-list", id=1, name="A"),
        api("create-newsletter-from-template", templateId=mail, subject="x"),
        api("update-newsletter", id=mail, subject="x"),
    ]
    return ["bare" if isinstance(answer, list) or "errorCode" not in answer else len(answer) > 3 for answer in answers]


def _invalid_payload(api: Api) -> object:
    api.recipient(enabled=False)
    answer = api("get-invalid-recipients")
    return "envelope" if isinstance(answer, dict) else sorted(answer[0])[0]


def _custom_payload(api: Api) -> object:
    api.recipient()
    answer = api("get-recipients-with-custom-fields")
    return "envelope" if isinstance(answer, dict) else sorted(answer[0])[0]


def _genders(api: Api) -> object:
    for gender in ("male", "female", "other", None):
        api.recipient(f"{gender}@e.test", gender=gender)
    genders = [row["gender"] for row in api.data("Recipient")]
    assert api.data("Recipient", f"gender=={genders[1]}")[0]["email"] == "female@e.test"
    return genders


def _app_id(api: Api) -> object:
    answer = api("get-app-id")
    return sorted(answer)[0] if isinstance(answer, dict) else answer


def _tagged(api: Api) -> object:
    api.recipient("a@e.test", tags=["x"])
    api.recipient("b@e.test", tags=["x", "y"])
    return len(api("get-recipients-with-tags", tags=["x", "y"])["recipientList"])


def _compared(api: Api) -> object:
    api.person("fields", namekey="size")
    api.recipient(customAttributes=[{"name": "size", "value": "10"}])
    condition = {"fieldName": "size", "operator": ">", "value": "9"}
    return len(api("get-recipients-with-custom-fields", filterCustomFields=[condition])["recipientList"])


def _unknown_attribute(api: Api) -> object:
    return api("create-recipient", email="a@e.test", customAttributes=[{"name": "nix", "value": "x"}])["errorCode"] == 0


def _attributes_after_update(api: Api) -> object:
    for key in ("a", "b"):
        api.person("fields", namekey=key)
    number = api.recipient(customAttributes=[{"name": "a", "value": "1"}])
    api.ok("update-recipient", id=number, customAttributes=[{"name": "b", "value": "2"}])
    return [each["Value"] for each in api.data("Recipient")[0]["user_defined_fields"]]


def _memberships(**update: Any) -> Callable[[Api], object]:
    def _after(api: Api) -> object:
        number = api.recipient(listIds=[api.list("A")])
        api.list("B")
        api.ok("update-recipient", id=number, **update)
        return [(row["listid"], row["status"]) for row in api.data("ListSub")]

    return _after


def _tags_after_update(api: Api) -> object:
    api.ok("update-list", id=api.list(listTags=["x"]), name="A", listTags=[])
    return api.ok("get-lists")["lists"][0]["tags"]


def _import(api: Api) -> object:
    api.ok("import-recipients-async", base64EncodedFile=base64.b64encode(b"email\na@e.test").decode(), overwriteData=1)
    api.sandbox.set_clock(START + 2)
    return len(api.data("Recipient"))


def _sent(**arguments: Any) -> Callable[[Api], object]:
    def _send(api: Api) -> object:
        number = api.newsletter(listIds=[api.list()])
        answer = api("send-newsletter", newsletterId=number, **arguments)
        return answer["errorCode"] == 0, len(api.data("Stats"))

    return _send


def _sent_twice(api: Api) -> object:
    target = api.list()
    api.recipient(listIds=[target])
    number = api.newsletter(listIds=[target])
    for _ in range(2):
        api("send-newsletter", newsletterId=number, sendDate=1)
    return len(api.sandbox.sends())


def _cancelled(api: Api) -> object:
    return api("cancel-sending-newsletter", newsletterId=api.newsletter())["errorCode"] == 0


def _with_newsletter(date: int, function: str, **arguments: Any) -> Callable[[Api], object]:
    """Whether a call about a newsletter with this send date succeeds."""

    def _then(api: Api) -> object:
        number = api.newsletter(listIds=[api.list()])
        api.ok("send-newsletter", newsletterId=number, sendDate=date)
        names = {"update-newsletter": {"id": number, "subject": "x"}, "delete-list": {"listId": 1}}
        call = {**names.get(function, {"newsletterId": number}), **arguments}
        return api(function, **call)["errorCode"] == 0

    return _then


def _missing_deleted(api: Api) -> object:
    return [
        api(function, **{argument: value})["errorCode"] == 0
        for function, argument, value in (
            ("delete-list", "listId", 9),
            ("delete-newsletter", "newsletterId", 9),
            ("delete-recipient", "recipientId", 9),
            ("delete-recipient-by-email", "email", "x@e.test"),
        )
    ]


def _subscribed(api: Api) -> object:
    number = api.recipient()
    answer = api("subscribe-recipient", recipientId=number, listIds=[api.list(), 99])
    return answer["errorCode"] == 0, len(api.data("ListSub"))


def _filtered(source: str) -> Callable[[Api], object]:
    def _found(api: Api) -> object:
        api.list("News")
        answer = api("get-data", entity="List", filter=source)
        return len(answer) if isinstance(answer, list) else "error"

    return _found


def _rows(api: Api) -> object:
    for number in range(3):
        api.list(str(number))
    return len(api.data("List"))


def _body(api: Api) -> object:
    api.newsletter(body="a\r\nb", altBody="c")
    return api.data("Mail")[0]["body"], api.data("Mail")[0]["altbody"]


def _query_array(api: Api) -> object:
    for name in "AB":
        api.list(name)
    answer = api.get("get-lists", listIds="1")
    return len(answer["lists"]) if answer["errorCode"] == 0 else "error"


def _made_list(member: str) -> Callable[[Api], object]:
    def _made(api: Api) -> object:
        return api.ok("create-list", name="A")["list"][member]

    return _made


def _xml(api: Api) -> object:
    api.post("get-app-id", {"apiKey": "K"}, headers={"Accept": "application/xml"})
    return api.last.status_code


def _consent(*titles: str) -> Callable[[Api], object]:
    def _given(api: Api) -> object:
        number = api.recipient()
        answers = [
            api("grant-gdpr-consent", recipientId=number, consentTitle=title, language="it")["errorCode"] == 0
            for title in titles
        ]
        return answers[-1], api.data("Recipient")[0]["needs_gdpr_consent"]

    return _given


def _resubscribed(api: Api) -> object:
    number = api.recipient(listIds=[api.list()])
    api.sandbox.set_clock(START + 5)
    api.ok("subscribe-recipient", recipientId=number, listIds=[1])
    return api.data("ListSub")[0]["subdate"] - START


def _welcomed(api: Api) -> object:
    mail = api.newsletter("Welcome")
    api.person(f"lists/{api.list()}", welcomeMailId=mail)
    number = api.recipient(listIds=[1])
    api.ok("subscribe-recipient", recipientId=number, listIds=[1])
    return len(api.sandbox.sends())


def _delayed(api: Api) -> object:
    api.list("A")
    before = len(api.data("List"))
    api.sandbox.set_clock(START + 10)
    return before, len(api.data("List"))


def _strict(api: Api) -> object:
    api.get("get-lists")
    return api.last.status_code


def _queued(api: Api) -> object:
    number = api.newsletter(listIds=[api.list()])
    api.ok("send-newsletter", newsletterId=number, sendDate=START + 600)
    return api.data("Mail")[0]["published"], api("cancel-sending-newsletter", newsletterId=number)["errorCode"] == 0


def _unaddressed(api: Api) -> object:
    return api("send-newsletter", newsletterId=api.newsletter(), sendDate=START + 9)["errorCode"] == 0


def _unsubscribed(api: Api) -> object:
    number = api.recipient(listIds=[api.list()])
    api.ok("unsubscribe-recipient", recipientId=number, listIds=[1], accept=1)
    return api.data("Recipient")[0]["accept"]


def _unconfirmed(api: Api) -> object:
    api.recipient(confirmed=False, listIds=[api.list()])
    api.ok("send-newsletter", newsletterId=api.newsletter(listIds=[1]), sendDate=1)
    return len(api.sandbox.sends())


def _unknown_target(api: Api) -> object:
    return api("create-newsletter", subject="x", body="y", listIds=[9])["errorCode"] == 0


def _alias(api: Api) -> object:
    api.ok("update-list", id=api.list("A"), name="B c")
    return api.data("List")[0]["alias"]


def _long(api: Api) -> object:
    api("create-list", name="x" * 300)
    return [len(row["name"]) for row in api.data("List")]


def _emoji(api: Api) -> object:
    api("create-list", name="a😀è")
    return [row["name"] for row in api.data("List")]


def _fields(api: Api) -> object:
    return len(api.data("Field")), len(api.data("Field", 'namekey=="email"'))


def _dates(api: Api) -> object:
    """By how much each of three answers' date is off, and its age; the clock that moves what is due makes no odds."""
    found = []
    for _ in range(3):
        api.sandbox.set_clock(START + 10**6)
        api("get-app-id")
        date = api.last.headers.get("Date")
        moment = None if date is None else parsedate_to_datetime(date).timestamp() - START
        found.append((moment, api.last.headers.get("Age")))
    return found


SENT, LATER = 1, START + 500
CASES: list[tuple[str, Any, Callable[[Api], object], object]] = [
    ("update_list_identity", "id", _named, [True, False, False]),
    ("update_list_identity", "list_id", _named, [False, True, False]),
    ("update_list_identity", "name", _renamed, ["A"]),
    ("update_list_identity", "name_or_create", _renamed, ["A", "B"]),
    ("update_list_omitted", "keep", _list_after_update, "d"),
    ("update_newsletter_omitted", "keep", _newsletter_after_update, "x"),
    ("update_recipient_omitted", "reset", _recipient_after_update, ""),
    ("existing_email", "upsert", _twice("create-recipient", email="a@e.test"), [True, True]),
    ("duplicate_list_name", "conflict", _twice("create-list", name="A"), [True, False]),
    ("duplicate_subject", "conflict", _twice("create-newsletter", subject="A", body="b"), [True, False]),
    ("initial_published", 1, lambda api: api.newsletter() and api.data("Mail")[0]["published"], 1),
    ("error_status", "http", _statuses, [401, 400, 404]),
    ("error_status", "always_200", _statuses, [200, 200, 200]),
    ("undocumented_payload", "bare", _lists_payload, ["bare"] * 4),
    ("undocumented_payload", "none", _lists_payload, [True, False, False, False]),
    ("recipient_payload", "array", _invalid_payload, "accept"),
    ("recipient_payload", "entities", _invalid_payload, "__type"),
    ("recipient_payload", "array", _custom_payload, "accept"),
    ("recipient_payload", "entities", _custom_payload, "__type"),
    ("gender_codes", "0,1,2,3", _genders, [0, 1, 2, 3]),
    ("gender_codes", "1,2,3,0", _genders, [1, 2, 3, 0]),
    ("app_id_member", "appID", _app_id, "appID"),
    ("app_id_member", "id", _app_id, "errorCode"),
    ("app_id_member", "bare", _app_id, 1000),
    ("tag_search", "all", _tagged, 1),
    ("custom_field_compare", "text", _compared, 0),
    ("unknown_custom_attribute", "error", _unknown_attribute, False),
    ("custom_attributes_update", "replace", _attributes_after_update, ["", "2"]),
    ("empty_list_ids", "keep", _memberships(listIds=[]), [(1, 1)]),
    ("left_lists", "delete", _memberships(listIds=[2]), [(2, 1)]),
    ("empty_list_tags", "keep", _tags_after_update, ["x"]),
    ("import_delay_seconds", 3, _import, 0),
    ("missing_send_date", "now", _sent(), (True, 1)),
    ("past_send_date", "error", _sent(sendDate=5), (False, 0)),
    ("send_sent", "again", _sent_twice, 2),
    ("cancel_unscheduled", "ok", _cancelled, True),
    ("update_scheduled", "conflict", _with_newsletter(LATER, "update-newsletter"), False),
    ("update_sent", "allow", _with_newsletter(SENT, "update-newsletter"), True),
    ("delete_scheduled", "conflict", _with_newsletter(LATER, "delete-newsletter"), False),
    ("delete_sent", "conflict", _with_newsletter(SENT, "delete-newsletter"), False),
    ("delete_used_list", "conflict", _with_newsletter(LATER, "delete-list"), False),
    ("delete_missing", "ok", _missing_deleted, [True] * 4),
    ("subscribe_missing_list", "skip", _subscribed, (True, 1)),
    ("filter_forms", "documented", _filtered("listId=1"), "error"),
    ("filter_case", "sensitive", _filtered('name=="NEWS"'), 0),
    ("get_data_rows", 2, _rows, 2),
    ("rewrite_body", "line_ends", _body, ("a\nb\n", "c\n")),
    ("array_in_query", "ignore", _query_array, 2),
    ("array_in_query", "error", _query_array, "error"),
    ("list_published", True, _made_list("published"), True),
    ("list_color", "fixed", _made_list("color"), "#3366cc"),
    ("list_ordering", "zero", _made_list("ordering"), 0),
    ("xml", "json", _xml, 200),
    ("consent_titles", "any", _consent("sms"), (True, 1)),
    ("needs_gdpr_consent", "first", _consent("gdpr_can_send"), (True, 0)),
    ("needs_gdpr_consent", "never", _consent("gdpr_can_send", "gdpr_can_track"), (True, 1)),
    ("resubscribe_subdate", "always", _resubscribed, 5),
    ("welcome_mail", "always", _welcomed, 2),
    ("welcome_mail", "never", _welcomed, 0),
    ("read_delay_seconds", 10, _delayed, (0, 1)),
    ("strict_verbs", True, _strict, 405),
    ("queue_lead_seconds", 600, _queued, (1, False)),
    ("reschedule", "conflict", _with_newsletter(LATER, "send-newsletter", sendDate=LATER + 1), False),
    ("send_without_lists", "allow", _unaddressed, True),
    ("unsubscribe_scope", 3, _unsubscribed, 0),
    ("unsubscribe_scope", 2, lambda api: _left_by_mail(api), [-1, -1]),
    ("confirmed_only", True, _unconfirmed, 0),
    ("newsletter_list", "ignore", _unknown_target, True),
    ("alias_on_rename", "follow", _alias, "b-c"),
    ("too_long_text", "truncate", _long, [250]),
    ("four_byte_text", "replace", _emoji, ["a?è"]),
    ("four_byte_text", "error", _emoji, []),
    ("core_fields", False, _fields, (0, 0)),
    ("clock_offset", -7200, _dates, [(-7200, None)] * 3),
    ("clock_offset", 63, _dates, [(63, None)] * 3),
    ("date_header", "missing", _dates, [(None, None)] * 3),
    ("date_header", "cached", _dates, [(-300, "300")] * 3),
    ("date_header", "backwards", _dates, [(0, None), (-60, None), (-120, None)]),
]


def _left_by_mail(api: Api) -> object:
    first, second = api.list("A"), api.list("B")
    api.recipient(listIds=[first, second])
    mail = api.newsletter(listIds=[first])
    api.ok("send-newsletter", newsletterId=mail, sendDate=1)
    api.person(f"newsletters/{mail}/unsubscribe", email="a@e.test")
    return [row["status"] for row in api.data("ListSub")]


@pytest.mark.parametrize(("name", "value", "observe", "expected"), CASES)
def test_a_switch_does_what_it_names(
    make: Any, name: str, value: Any, observe: Callable[[Api], object], expected: object
) -> None:
    assert observe(make(switches={name: value})) == expected
    assert observe(make()) != expected


def test_every_position_of_every_switch_is_tested() -> None:
    tested = {(name, value) for name, value, _, _ in CASES}
    for switch in SQUALOMAIL:
        if switch.name in DISTORTED:
            continue
        others = () if isinstance(switch.allowed, range) else switch.allowed
        for value in others:
            if value != switch.default:
                assert (switch.name, value) in tested
        assert any(name == switch.name for name, _ in tested)


def test_every_switch_is_asked_for_and_every_name_asked_for_is_one() -> None:
    asked = set()
    for path in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-2:-1] in (["switches"], ["_switches"]):
                asked |= {argument.value for argument in node.args if isinstance(argument, ast.Constant)}
    # These four are put together from a verb and a state.
    asked |= {f"{deed}_{state}" for deed in ("update", "delete") for state in ("scheduled", "sent")}
    assert asked == NAMES


def test_the_table_is_in_order() -> None:
    assert len(NAMES) == len(SQUALOMAIL)
    for switch in SQUALOMAIL:
        assert switch.checked(None) == switch.default
        assert switch.number == "-" or switch.number.startswith("Q")
        assert switch.question[-1] in "?."
        assert switch.meaning


@pytest.mark.parametrize(
    ("positions", "message"),
    [
        ({"nix": 1}, "there is no switch 'nix'"),
        ({"left_lists": "burn"}, "switch left_lists can't be 'burn'; allowed: ['unsubscribe', 'delete']"),
        ({"initial_published": True}, "switch initial_published can't be True; allowed: [0, 1]"),
        ({"list_published": 1}, "switch list_published can't be 1; allowed: [False, True]"),
        ({"get_data_rows": -1}, "switch get_data_rows can't be -1; allowed: {'minimum': 0, 'maximum': 999999}"),
        ({"left_lists": ["delete"]}, "switch left_lists can't be ['delete']; allowed: ['unsubscribe', 'delete']"),
    ],
)
def test_wrong_positions(positions: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Switches(positions)


def test_words_from_a_command_line_become_the_type_of_the_switch() -> None:
    switches = Switches({"list_published": "true", "get_data_rows": "5", "clock_offset": "-63"})
    assert (switches.flag("list_published"), switches.number("get_data_rows")) == (True, 5)
    assert switches.number("clock_offset") == -63
    switches.set({"list_published": None})
    assert switches.flag("list_published") is False


def test_switches_are_moved_together_or_not_at_all(api: Api) -> None:
    api.control("POST", "switches", {"left_lists": "delete", "nix": 1})
    assert api.last.status_code == 400
    rows = {row["name"]: row for row in api.control("GET", "switches")}
    assert rows["left_lists"]["value"] == "unsubscribe"
    rows = {row["name"]: row for row in api.control("POST", "switches", {"left_lists": "delete"})}
    assert rows["left_lists"] == {
        "name": "left_lists", "number": "Q16", "question": "What remains of a membership that listIds replaces?",
        "meaning": "unsubscribe: status -1 with a date; delete: no row", "allowed": ["unsubscribe", "delete"],
        "default": "unsubscribe", "value": "delete",
    }  # fmt: skip
    assert set(rows) == NAMES
