"""SqualoMail passes the suite that every provider passes."""

from reconcile.providers.squalomail import PROVIDER
from reconcile.testing import ProviderSuite, Sample

_LETTER = {
    "subject": "Sample",
    "body": "<p>One</p>",
    "altBody": "One",
    "fromEmail": "news@example.com",
    "fromName": "Example",
    "replyToEmail": "reply@example.com",
    "replyToName": "Reply",
    "language": "it",
    "visible": True,
}
_OTHER = {
    "subject": "Another",
    "body": "<p>Two</p>",
    "altBody": "Two",
    "fromEmail": "other@example.com",
    "fromName": "Other",
    "replyToEmail": "others@example.com",
    "replyToName": "Others",
    "language": "en",
    "visible": False,
}


class TestSqualoMail(ProviderSuite):
    provider = PROVIDER
    settings = {"account": "4711"}
    samples = {
        "list": Sample(
            {
                "name": "News",
                "description": "All",
                "color": "#336699",
                "ordering": 3,
                "published": True,
                "listTags": ["a", "b"],
            },
            {
                "name": "Old news",
                "description": "Some",
                "color": "#000000",
                "ordering": 4,
                "published": False,
                "listTags": ["b", "c"],
            },
        ),
        "template": Sample(_LETTER, _OTHER),
        "campaign": Sample({**_LETTER, "lists": ["sample"]}, _OTHER),
    }
