from typing import Any

import pytest

Api = Any
START = 1_800_000_000


def test_a_newsletter_is_a_draft_with_the_documented_defaults(api: Api) -> None:
    made = api.ok("create-newsletter", subject="Hello", body="<p>Hi</p>")["newsletter"]
    assert made == {
        "altBody": "", "body": "<p>Hi</p>", "created": START, "fromEmail": "", "fromName": "", "id": 101,
        "language": "sl", "listIds": [], "published": 0, "replyToEmail": "", "replyToName": "", "sendDate": 0,
        "subject": "Hello", "visible": False,
    }  # fmt: skip
    assert api.sandbox.sends() == []


def test_what_is_written_is_read_back(api: Api) -> None:
    first, second = api.list("A"), api.list("B")
    number = api.newsletter(
        "Saldi 😀", "<p>è</p>", altBody="è", fromEmail="f@e.test", fromName="F", replyToEmail="r@e.test",
        replyToName="R", language="IT", listIds=[second, first], visible=True, addUtm=True, utmSource="s", published=2,
        preheader="x",
    )  # fmt: skip
    (row,) = api.data("Mail", f"mailid=={number}")
    assert row == {
        "__type": "AcymailingMail:#SqualoMail.Data.ApplicationDatabase.Models", "altbody": "è", "body": "<p>è</p>",
        "created": START, "fromemail": "f@e.test", "fromname": "F", "language": "it", "lastupdate": START,
        "mailid": number, "published": 0, "replyemail": "r@e.test", "replyname": "R", "replytoemail": "r@e.test",
        "replytoname": "R", "senddate": 0, "subject": "Saldi 😀", "type": "news", "visible": 1,
    }  # fmt: skip
    rows = [{"listid": row["listid"], "mailid": row["mailid"]} for row in api.data("ListMail")]
    assert rows == [{"listid": first, "mailid": number}, {"listid": second, "mailid": number}]


def test_newsletters_that_can_not_be_made(api: Api) -> None:
    assert api.fails("create-newsletter", 400, body="x") == "The parameter subject is required."
    assert api.fails("create-newsletter", 400, subject="x") == "The parameter body is required."
    assert "language" in api.fails("create-newsletter", 400, subject="x", body="y", language="PT")
    assert api.fails("create-newsletter", 404, subject="x", body="y", listIds=[9]) == "There is no list 9."
    assert "fromemail" in api.fails("create-newsletter", 400, subject="x", body="y", fromEmail="nobody")
    assert "listIds" in api.fails("create-newsletter", 400, subject="x", body="y", listIds=["a"])
    assert api.data("Mail") == []


def test_a_template_is_copied_with_its_tags_replaced(api: Api) -> None:
    base = api.person("newsletters", subject="Base", texts=["heading", "cta"], images=["0"])["mailid"]
    api.ok(
        "update-newsletter", id=base, subject="Base", body=api.data("Mail")[0]["body"], altBody="{{heading}}: {{cta}}",
        fromEmail="base@e.test", language="IT", visible=True,
    )  # fmt: skip
    attributes = {
        "texts": [
            {"itemId": "heading", "itemContent": {"value": "NEW"}},
            {"itemId": "cta", "itemContent": {"value": "Go", "url": "https://e.test/"}},
        ],
        "images": [{"itemId": "0", "itemContent": {"value": "https://e.test/a.png"}}],
    }
    made = api.ok("create-newsletter-from-template", subject="S", templateId=base, templateCustomAttributes=attributes)[
        "newsletter"
    ]
    assert "<p>NEW</p>" in made["body"]
    assert '<a href="https://e.test/">Go</a>' in made["body"]
    assert 'src="https://e.test/a.png"' in made["body"]
    assert made["altBody"] == "NEW: Go (https://e.test/)"
    # As documented, sender and language are the account's, not the template's.
    assert (made["fromEmail"], made["language"], made["visible"]) == ("", "sl", False)
    assert "{{heading}}" in api.data("Mail", f"mailid=={base}")[0]["body"]


def test_templates_that_can_not_be_used(api: Api) -> None:
    base = api.newsletter()
    name = "create-newsletter-from-template"
    assert api.fails(name, 404, subject="x", templateId=9) == "There is no newsletter 9."
    assert api.fails(name, 400, subject="x") == "The parameter templateId is required."
    assert api.fails(name, 400, templateId=base) == "The parameter subject is required."
    message = api.fails(name, 400, subject="x", templateId=base, templateCustomAttributes=[1])
    assert message == "templateCustomAttributes should be an object."
    assert api.last.status_code == 400


def test_update_resets_what_is_left_out(api: Api) -> None:
    target = api.list()
    number = api.newsletter(fromName="F", language="IT", listIds=[target], altBody="x", visible=True)
    updated = api.ok("update-newsletter", id=number, subject="New", body="<p>New</p>")["newsletter"]
    assert (updated["subject"], updated["body"], updated["altBody"]) == ("New", "<p>New</p>", "")
    assert (updated["fromName"], updated["language"], updated["listIds"], updated["visible"]) == ("", "sl", [], False)
    assert api.fails("update-newsletter", 400, id=number) == "The parameter subject is required."
    assert api.fails("update-newsletter", 404, id=9, subject="x") == "There is no newsletter 9."
    assert api.fails("update-newsletter", 400, subject="x") == "The parameter id is required."


def test_delete_takes_the_targets_along(api: Api) -> None:
    number = api.newsletter(listIds=[api.list()])
    assert api.get("delete-newsletter", newsletterId=number)["errorCode"] == 0
    assert api.data("Mail") == api.data("ListMail") == []
    assert api.fails("delete-newsletter", 404, newsletterId=number) == f"There is no newsletter {number}."


def scheduled(api: Api, people: int = 1) -> int:
    target = api.list()
    for number in range(people):
        api.recipient(f"u{number}@e.test", listIds=[target])
    number = api.newsletter(body='<a href="https://e.test/">x</a>', listIds=[target])
    assert api.get("send-newsletter", newsletterId=number, sendDate=START + 100)["errorCode"] == 0
    return int(number)


def state(api: Api, number: int) -> tuple[int, int, int]:
    """Published, send date, and how many rows of statistics."""
    (row,) = api.data("Mail", f"mailid=={number}")
    return row["published"], row["senddate"], len(api.data("Stats", f"mailid=={number}"))


def test_a_newsletter_waits_for_its_date_and_goes_out(api: Api) -> None:
    number = scheduled(api)
    assert state(api, number) == (2, START + 100, 0)
    assert [row["state"] for row in api.sandbox.sends()] == ["scheduled"]
    api.sandbox.set_clock(START + 99)
    assert state(api, number) == (2, START + 100, 0)
    api.sandbox.set_clock(START + 100)
    assert state(api, number) == (1, START + 100, 1)
    (row,) = api.sandbox.sends()
    assert (row["state"], row["mailid"], row["sendDate"], row["reason"]) == ("sent", number, START + 100, "newsletter")
    assert api.data("Recipient")[0]["lastsent_date"] == START + 100


def test_a_scheduled_newsletter_can_be_moved_changed_and_cancelled(api: Api) -> None:
    number = scheduled(api)
    api.ok("send-newsletter", newsletterId=number, sendDate=START + 500)
    assert state(api, number) == (2, START + 500, 0)
    api.ok("update-newsletter", id=number, subject="Changed", body="x", listIds=[1])
    assert state(api, number) == (2, START + 500, 0)
    api.ok("cancel-sending-newsletter", newsletterId=number)
    assert state(api, number) == (0, 0, 0)
    api.sandbox.set_clock(START + 1000)
    assert state(api, number) == (0, 0, 0)
    assert api.sandbox.sends() == []
    assert (
        api.fails("cancel-sending-newsletter", 409, newsletterId=number) == f"The newsletter {number} is not scheduled."
    )


def test_a_sent_newsletter_stays_as_it_is(api: Api) -> None:
    number = scheduled(api)
    api.sandbox.set_clock(START + 100)
    message = f"The newsletter {number} has been sent."
    assert api.fails("send-newsletter", 409, newsletterId=number, sendDate=START + 900) == message
    assert api.fails("update-newsletter", 409, id=number, subject="x", body="y") == message
    assert api.fails("cancel-sending-newsletter", 409, newsletterId=number)
    assert len(api.sandbox.sends()) == 1
    api.ok("delete-newsletter", newsletterId=number)
    assert len(api.data("Stats")) == 1


def test_a_date_in_the_past_means_now(api: Api) -> None:
    target = api.list()
    api.recipient(listIds=[target])
    number = api.newsletter(listIds=[target])
    api.ok("send-newsletter", newsletterId=number, sendDate=5)
    assert state(api, number) == (1, START, 1)
    assert [row["state"] for row in api.sandbox.sends()] == ["sent"]


def test_newsletters_that_can_not_be_sent(api: Api) -> None:
    number = api.newsletter()
    assert "no lists" in api.fails("send-newsletter", 400, newsletterId=number, sendDate=START + 9)
    assert api.fails("send-newsletter", 400, newsletterId=number) == "The parameter sendDate is required."
    assert "sendDate" in api.fails("send-newsletter", 400, newsletterId=number, sendDate="tomorrow")
    assert api.fails("send-newsletter", 404, newsletterId=9, sendDate=START) == "There is no newsletter 9."
    assert api.fails("cancel-sending-newsletter", 404, newsletterId=9) == "There is no newsletter 9."


def test_who_gets_it(api: Api) -> None:
    first, second = api.list("A"), api.list("B")
    api.recipient("both@e.test", listIds=[first, second])
    api.recipient("text@e.test", listIds=[first], html=False)
    api.recipient("disabled@e.test", listIds=[first], enabled=False)
    api.recipient("refuses@e.test", listIds=[first], accept=False)
    api.recipient("left@e.test", listIds=[first])
    api.ok("unsubscribe-recipient-by-email", email="left@e.test", listIds=[first])
    api.recipient("elsewhere@e.test")
    number = api.newsletter(listIds=[first, second])
    api.ok("send-newsletter", newsletterId=number, sendDate=START)
    assert len(api.sandbox.sends()) == 2
    (stats,) = api.data("Stats")
    assert (stats["senthtml"], stats["senttext"]) == (1, 1)
    assert len(api.data("UserStats", "sent==1")) == 2


def test_receivers_are_taken_at_sending_time(api: Api) -> None:
    number = scheduled(api, people=0)
    assert api.sandbox.sends() == []
    api.recipient(listIds=[1])
    assert len(api.sandbox.sends()) == 1
    api.sandbox.set_clock(START + 100)
    assert [row["state"] for row in api.sandbox.sends()] == ["sent"]
    assert state(api, number)[0] == 1


def test_links_are_rows_of_their_own_with_utm(api: Api) -> None:
    target = api.list()
    body = (
        '<a href="https://e.test/?a=1#x">1</a><a class=c href=\'https://e.test/\'>2</a><a href="mailto:x@e.test">3</a>'
    )
    number = api.newsletter(body=body * 2, listIds=[target], addUtm=True, utmSource="n l", utmCampaign="c")
    api.ok("send-newsletter", newsletterId=number, sendDate=START)
    assert [row["url"] for row in api.data("Url")] == [
        "https://e.test/?a=1&utm_source=n%20l&utm_campaign=c#x",
        "https://e.test/?utm_source=n%20l&utm_campaign=c",
    ] * 2


def test_reading_and_bouncing_fill_the_statistics(api: Api) -> None:
    number = scheduled(api, people=2)
    api.sandbox.set_clock(START + 100)
    agent = "Mozilla/5.0 (Linux; Android 14) Chrome/126.0.0.0 Mobile"
    for _ in range(2):
        api.person(f"newsletters/{number}/open", email="u0@e.test", userAgent=agent)
    api.person(f"newsletters/{number}/click", email="U0@e.test", url="https://e.test/")
    api.person(f"newsletters/{number}/click", email="u0@e.test")
    api.person(f"newsletters/{number}/forward", email="u0@e.test")
    api.person(f"newsletters/{number}/bounce", email="u1@e.test", hard=True)
    (stats,) = api.data("Stats")
    counted = {name: value for name, value in stats.items() if isinstance(value, int) and value and name != "mailid"}
    assert counted == {
        "senthtml": 2, "senddate": START + 100, "openunique": 1, "opentotal": 2, "clickunique": 1, "cliclunique": 1,
        "clicktotal": 2, "bounceunique": 1, "fail": 1, "forward": 1,
    }  # fmt: skip
    (reader,) = api.data("UserStats", "open>0")
    assert (reader["browser"], reader["browser_version"], reader["mobile_os"]) == ("chrome", 126, "Android")
    (click,) = api.data("UrlClick")
    assert (click["click"], click["date"]) == (2, START + 100)
    assert [row["action"] for row in api.data("History", "mailid!=0")] == [
        "open",
        "open",
        "click",
        "click",
        "forward",
        "bounce",
    ]
    assert [row["email"] for row in api.ok("get-invalid-recipients")["recipientList"]] == ["u1@e.test"]
    assert api.data("Recipient", "lastclick_date>0")[0]["email"] == "u0@e.test"


def test_leaving_through_a_mail_ends_the_subscription(api: Api) -> None:
    number = scheduled(api)
    api.sandbox.set_clock(START + 100)
    api.person(f"newsletters/{number}/unsubscribe", email="u0@e.test")
    assert [row["status"] for row in api.data("ListSub")] == [-1]
    assert api.data("Stats")[0]["unsub"] == 1
    assert api.data("Recipient")[0]["accept"] == 1


@pytest.mark.parametrize("deed", ["open", "click", "bounce", "unsubscribe", "forward"])
def test_only_who_got_a_mail_can_do_something_with_it(api: Api, deed: str) -> None:
    number = scheduled(api)
    answer = api.person(f"newsletters/{number}/{deed}", email="u0@e.test")
    assert api.last.status_code == 409
    assert answer == {"message": f"This recipient did not get the newsletter {number}."}
