"""GatorMail passes the suite that every provider passes."""

from reconcile.providers.gatormail import PROVIDER
from reconcile.testing import ProviderSuite, Sample


class TestGatorMail(ProviderSuite):
    provider = PROVIDER
    settings = {"instance": "acme_lz", "timezone": "Europe/London", "contract": {"cap.group.update": True}}
    samples = {
        "group": Sample({"name": "Buyers", "description": "All"}, {"name": "Others", "description": "Some"}),
        "campaign": Sample(
            {
                "name": "Launch",
                "subject": "We are live",
                "fromName": "Acme",
                "fromAddress": "hello@acme.example",
                "replyTo": "hello@acme.example",
                "group": "sample",
                "email": {"html": "<p>One</p>", "text": "One"},
            },
            {"name": "Start", "subject": "We are on", "fromName": "Us", "replyTo": "reply@acme.example"},
        ),
    }
