"""The check finds its bad example, and nothing in its good one."""

from our_checks.no_shouting import CHECK

from reconcile.mail.checks import Mail, Text


def test_it_finds_its_bad_example_and_nothing_in_its_good_one() -> None:
    bad, good = (
        Mail("a.campaign.b", subject=Text(str(each["subject"]), "subject")) for each in (CHECK.bad, CHECK.good)
    )
    assert [found.detail for found in CHECK.look(bad)] == ['The subject shouts: "!".']
    assert list(CHECK.look(good)) == []
