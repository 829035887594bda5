"""The sandbox as a whole: log, sends, clock, reset, files, threads, processes, and its independence."""

import ast
import hashlib
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

import reconcile.sandbox
from reconcile.sandbox import Sandbox
from reconcile.sandbox.store import Store

Api = Any
START = 1_800_000_000
SOURCES = Path(reconcile.sandbox.__file__).parent


def test_calls_are_logged_without_values(api: Api) -> None:
    api.list("A secret name")
    api.client.get("/squalomail/v1/get-data?entity=List&apiKey=TOPSECRET&amp;api_key=TOPSECRET2&apiUser=me")
    api.control("GET", "sends")
    first, second = api.control("GET", "requests")
    assert first == {
        "number": 1, "time": START, "method": "POST", "path": "/squalomail/v1/create-list", "query": "",
        "function": "create-list", "account": "1000", "arguments": ["apiKey", "name"], "write": True,
        "performed": True, "fault": None, "status": 200,
    }  # fmt: skip
    assert second["query"] == "entity=List&apiKey=***&amp;api_key=***&apiUser=***"
    assert (second["function"], second["write"], second["status"]) == ("get-data", False, 200)
    text = api.client.get("/_sandbox/requests").text
    assert "SECRET" not in text
    assert "secret name" not in text


def test_failed_calls_are_logged_too(api: Api) -> None:
    api.post("delete-list", {"listId": 1})
    api.post("nothing", {})
    api.client.put("/squalomail/v1/create-list")
    logged = [
        (entry["function"], entry["status"], entry["write"], entry["account"]) for entry in api.sandbox.requests()
    ]
    assert logged == [("delete-list", 401, True, None), ("nothing", 404, False, None), ("create-list", 405, True, None)]


def test_the_log_can_be_cleared_and_is_bounded(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    api("get-lists")
    assert api.control("DELETE", "requests") == {}
    assert api.control("GET", "requests") == []
    monkeypatch.setattr("reconcile.sandbox.sandbox._LOGGED", 3)
    with Sandbox() as small:
        for _ in range(5):
            small.handle(httpx.Request("GET", "http://s/squalomail/v1/get-app-id?apiKey=K"))
        assert [entry["number"] for entry in small.requests()] == [3, 4, 5]


def test_sends_show_digests_and_doubles(api: Api) -> None:
    target = api.list()
    api.recipient("Ada@E.test", listIds=[target])
    number = api.newsletter("Hello", listIds=[target])
    api.ok("send-newsletter", newsletterId=number, sendDate=START + 60)
    expected = {
        "account": "1000", "mailid": number, "subject": "Hello",
        "recipient": hashlib.sha256(b"ada@e.test").hexdigest()[:16], "sendDate": START + 60, "state": "scheduled",
        "reason": "newsletter",
    }  # fmt: skip
    assert api.control("GET", "sends") == [expected]
    api.control("POST", "clock", {"now": START + 60})
    assert api.control("GET", "sends") == [{**expected, "state": "sent"}]
    api.control("POST", "switches", {"send_sent": "again"})
    api.ok("send-newsletter", newsletterId=number, sendDate=START + 60)
    assert api.control("GET", "sends") == [{**expected, "state": "sent"}] * 2


def test_the_clock(api: Api) -> None:
    assert api.control("GET", "clock") == {"now": START, "set": False}
    assert api.control("POST", "clock", {"now": 1_900_000_000.5}) == {"now": 1_900_000_000, "set": True}
    assert api.ok("create-newsletter", subject="x", body="y")["newsletter"]["created"] == 1_900_000_000
    assert api.control("POST", "clock", {"now": None}) == {"now": START, "set": False}
    for wrong in ("tomorrow", True, [1]):
        api.control("POST", "clock", {"now": wrong})
        assert api.last.status_code == 400


def test_the_clock_runs_with_its_source(make: Any) -> None:
    moments = [float(START)]
    api = make(now=lambda: moments[-1])
    number = api.newsletter(listIds=[api.list()])
    api.ok("send-newsletter", newsletterId=number, sendDate=START + 60)
    moments.append(START + 61.5)
    assert api.data("Mail")[0]["published"] == 1


def test_reset_forgets_everything_but_the_settings(make: Any) -> None:
    api = make(switches={"list_published": True})
    api.recipient(listIds=[api.list()])
    api.ok("send-newsletter", newsletterId=api.newsletter(listIds=[1]), sendDate=1)
    api.ok("custom-event", customText="x")
    assert api.control("POST", "reset") == {}
    assert api.control("GET", "requests") == api.control("GET", "sends") == api.person("events", "GET") == []
    for entity in ("List", "Mail", "Recipient", "ListSub", "ListMail", "Stats", "History"):
        assert api.data(entity) == []
    made = api.ok("create-list", name="A")["list"]
    assert (made["id"], made["published"]) == (1, True)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "nothing", 404),
        ("PUT", "reset", 404),
        ("GET", "reset", 404),
        ("POST", "squalomail/9999/lists", 404),
        ("POST", "squalomail/1000/nothing", 404),
        ("POST", "squalomail/1000/lists/x", 404),
        ("POST", "squalomail/1000/lists/9", 404),
        ("POST", "squalomail/1000/lists", 400),
        ("DELETE", "squalomail/1000/newsletters/9", 404),
        ("GET", "squalomail", 404),
    ],
)
def test_control_calls_that_can_not_be(api: Api, method: str, path: str, status: int) -> None:
    answer = api.control(method, path)
    assert api.last.status_code == status
    assert list(answer) == ["message"]


@pytest.mark.parametrize("content", [b"{", b"[1]"])
def test_control_bodies_are_objects(api: Api, content: bytes) -> None:
    assert api.client.post("/_sandbox/clock", content=content).status_code == 400


def test_a_person_edits_objects_without_leaving_a_trace_in_the_log(api: Api) -> None:
    made = api.person("lists", name="A", visible=True, listTags=["x"])
    assert (made["visible"], made["category"], made["listid"]) == (1, "x", 1)
    assert api.person("lists/1", color="#123456", alias="z")["color"] == "#123456"
    mail = api.person("newsletters", subject="S", images=["3"], texts=["t"], listIds=[1])
    assert "/_placeholders/3/" in mail["body"]
    assert api.person(f"newsletters/{mail['mailid']}", body="<p>new</p>")["body"] == "<p>new</p>"
    assert api.person(f"newsletters/{mail['mailid']}/schedule", sendDate=START + 9)["published"] == 2
    assert api.person(f"newsletters/{mail['mailid']}/cancel")["published"] == 0
    person = api.person("recipients", email="a@e.test", listIds=[1])
    assert api.person(f"recipients/{person['subid']}", name="Ada")["name"] == "Ada"
    assert api.person("recipients", email="A@e.test")["message"].startswith("There is a recipient")
    for path in (f"recipients/{person['subid']}", f"newsletters/{mail['mailid']}", "lists/1"):
        assert api.person(path, "DELETE") == {}
    assert api.sandbox.requests() == []
    assert api.data("List") == api.data("Mail") == api.data("Recipient") == []


def test_a_welcome_mail_has_to_exist(api: Api) -> None:
    api.list()
    assert api.person("lists/1", welcomeMailId=9) == {"message": "There is no newsletter 9."}


def test_data_stay_in_a_file(tmp_path: Path, make: Any) -> None:
    path = tmp_path / "new" / "sandbox.sqlite"
    make(data=path).list("A")
    assert [row["name"] for row in make(data=str(path)).data("List")] == ["A"]
    assert make(data=path, account="2000").data("List") == []


def test_a_delayed_read_works_on_a_file_too(tmp_path: Path, make: Any) -> None:
    api = make(data=tmp_path / "x.sqlite", switches={"read_delay_seconds": 5})
    api.list("A")
    assert api.data("List") == []
    assert api.ok("get-lists")["lists"] == []
    api.sandbox.set_clock(START + 4)
    api.list("B")
    api.sandbox.set_clock(START + 5)
    assert [row["name"] for row in api.data("List")] == ["A"]
    api.sandbox.set_clock(START + 9)
    assert [row["name"] for row in api.data("List")] == ["A", "B"]


def test_a_file_of_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.sqlite"
    store = Store(path)
    with store.transaction(write=True) as db:
        db.execute("PRAGMA user_version = 99")
    store.close()
    with pytest.raises(ValueError, match="have format 99, not 1"):
        Sandbox(path)


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="there is no switch"):
        Sandbox(switches={"nix": 1})
    with pytest.raises(ValueError, match="unknown kind"):
        Sandbox(faults=["nix"])


def test_a_failing_call_leaves_nothing_behind(api: Api) -> None:
    target = api.list()
    api.recipient(listIds=[target])
    api.fails("create-recipient", 404, email="b@e.test", listIds=[target, 99])
    api.fails("update-recipient", 404, email="a@e.test", name="x", listIds=[99])
    assert [(row["email"], row["name"]) for row in api.data("Recipient")] == [("a@e.test", "")]


def test_many_threads_at_once(api: Api) -> None:
    failures: list[Exception] = []

    def _work(number: int) -> None:
        try:
            for index in range(20):
                api(f"create-{'list' if number % 2 else 'newsletter'}", name="x", subject=f"{index}", body="y")
                api("get-data", entity="List")
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=_work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    ids = [row["listid"] for row in api.data("List")]
    assert ids == list(range(1, 81))
    assert len(api.data("Mail")) == 80


def test_two_processes_share_a_file(tmp_path: Path) -> None:
    path = tmp_path / "x.sqlite"
    program = (
        "import httpx, sys; from reconcile.sandbox import Sandbox\n"
        "with Sandbox(sys.argv[1]) as sandbox:\n"
        "    for _ in range(50):\n"
        "        body = {'apiKey': 'K', 'name': 'x'}\n"
        "        answer = sandbox.handle(httpx.Request('POST', 'http://s/squalomail/v1/create-list', json=body))\n"
        "        assert answer.json()['errorCode'] == 0, answer.text\n"
    )
    root = SOURCES.parent.parent
    running = [subprocess.Popen([sys.executable, "-c", program, str(path)], cwd=root) for _ in range(2)]
    assert [process.wait(timeout=60) for process in running] == [0, 0]
    with Sandbox(path) as sandbox:
        request = httpx.Request("GET", "http://s/squalomail/v1/get-data?apiKey=K&entity=List")
        assert [row["listid"] for row in sandbox.handle(request).json()] == list(range(1, 101))


def test_a_filter_as_long_as_a_plan_makes_it_finds_all_of_them(api: Api) -> None:
    for number in range(300):
        api("create-newsletter", subject=f"S{number}", body="<p>Hello</p>")
    source = "||".join(f"mailid=={number}" for number in range(101, 351))
    request = httpx.Request(
        "POST", "http://s/squalomail/v1/get-data", json={"apiKey": "K", "entity": "Mail", "filter": source}
    )
    answer = api.sandbox.handle(request)
    assert answer.status_code == 200
    assert answer.text.count('"subject"') == 250


def test_nothing_of_ours_is_imported() -> None:
    for path in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or "." * node.level]
            for name in names:
                top = name.split(".")[0]
                ours = top == "reconcile" and name.startswith("reconcile.sandbox")
                assert ours or top in ("httpx", "jinja2", "yaml") or top in sys.stdlib_module_names, (
                    f"{path.name}: {name}"
                )


def test_imports_have_no_cycle() -> None:
    graph = {}
    for path in SOURCES.rglob("*.py"):
        module = ".".join(path.relative_to(SOURCES.parent.parent).with_suffix("").parts).removesuffix(".__init__")
        graph[module] = {
            name
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("reconcile")
            for name in (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))
        }
    graph = {module: {name for name in names if name in graph and name != module} for module, names in graph.items()}
    # A name from a package's module is that module's; the packages themselves hold nothing but docstrings.
    for names in graph.values():
        names -= {"reconcile.sandbox", "reconcile.sandbox.squalomail", "reconcile.sandbox.web"}
    while leaves := [module for module, names in graph.items() if not names & graph.keys()]:
        for module in leaves:
            del graph[module]
    assert graph == {}
