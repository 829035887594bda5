"""A mail that was launched otherwise than approved and could not be taken back: the run's last word says so."""

from pathlib import Path

import httpx

from tests.engine.stories import STORIES, account_in, copied, whole
from tests.engine.test_schedule import ALL
from tests.outside import colleague


def test_a_launch_that_could_not_be_taken_back_is_not_stopped(tmp_path: Path) -> None:
    story = "squalomail schedule"
    account = account_in(copied(whole(story).start, tmp_path / "account"))
    account.sandbox.faults.set(["500:cancel-sending-newsletter"])

    def meddled(request: httpx.Request) -> httpx.Response:
        answer = account.sandbox.handle(request)
        if request.url.path.endswith("/send-newsletter"):
            sent = next(row for row in account.rows("Mail") if row["subject"] == "Spring")
            colleague(account).edit("campaign", str(sent["mailid"]), visible=True)
        return answer

    account.proxy = meddled
    code, events, _ = account.apply(STORIES[story].after(), ALL)
    codes = {found.code for event in events for found in event.diagnostics}
    assert code == 6
    assert "not-stopped" in codes
    account.close()
