"""An API that is otherwise than the table says is a matter of configuration: ten rows renamed, the same story."""

from collections import Counter

from tests.engine.test_gatormail_schedule import CAMPAIGN, EMAIL, GROUP, campaign, done, id_of, prepared, queued, sent
from tests.engine.test_schedule import ALL, DAY, SEND
from tests.world import BASE, NOW, World, declared, failures, gator

RENAMED = {
    "op.campaign.create": "PUT /campaigns/new",
    "op.campaign.update": "POST /campaigns/{campaignId}/replace",
    "op.campaign.initiate": "POST /queue/{campaignId}",
    "op.campaign.list": "GET /campaigns",  # its page numbers go into the query
    "op.group.create": "POST /audience",
    "f.campaign.name": "title",
    "f.campaign.fromAddress": "sender",
    "f.email.html": "body",
    "f.contact.emailLogin": "email",
    "v.campaignStatus": ["Draft", "Waiting", "Sending", "Done"],
    "c.list.itemsPath": "data.items",
}


def test_the_story_of_a_campaign_with_ten_rows_renamed() -> None:
    world = prepared(World(may_send=True, contract=RENAMED))
    assert done(world, campaign(), SEND) == ["gatormail_addCampaign", "gatormail_initiateCampaign"]
    assert queued(world) == [NOW + DAY]
    changed = campaign(NOW + 2 * DAY, email=EMAIL | {"html": "<p>2</p>"})
    assert done(world, changed, SEND) == [
        "gatormail_uninitiateCampaign",
        "gatormail_updateEmail",
        "gatormail_updateCampaign",
        "gatormail_initiateCampaign",
    ]
    renamed = changed | declared(gator("group", "buyers", {"name": "Buyers 2027"}))
    assert "gatormail_deleteGroup" in done(world, renamed, ALL)
    world.now = NOW + 3 * DAY
    assert sent(world) == 1
    _, _, made = world.apply({GROUP: renamed[GROUP]}, ALL)
    assert made.steps[CAMPAIGN].action.value == "forget"
    assert id_of(world, GROUP)


def test_the_wire_has_the_renamed_rows() -> None:
    world = prepared(World(may_send=True, contract=RENAMED))
    code, events, _ = world.apply(campaign(), SEND)
    assert code == 0, failures(events)
    paths = Counter(
        entry["path"].removeprefix(f"{BASE}/gatormail/example_testlz").partition("?")[0] for entry in world.log()
    )
    id_ = id_of(world, CAMPAIGN)
    for path in ("/campaigns/new", f"/queue/{id_}", "/campaigns"):
        assert any(found.endswith(f"example_testlz{path}") for found in paths), (path, paths)
    assert not any(found.endswith("/campaign") for found in paths)
