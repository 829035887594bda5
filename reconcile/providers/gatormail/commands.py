"""GatorMail's own commands: ``schema-requests`` and ``datafeed pull``. What they do stands in modules of their own."""

from reconcile.model.command import (
    AUTO_APPROVE,
    OVERWRITE_DRIFT,
    Command,
    Context,
    Parameter,
    Takes,
)


def answer_requests(context: Context) -> int:
    """Answer what people ask for in the web interface."""
    from reconcile.providers.gatormail.schema_requests import run

    return run(context)


def pull_feed(context: Context) -> None:
    """Store the activity that is queued."""
    from reconcile.providers.gatormail.datafeed import run

    run(context)


_INTERVAL = Parameter("interval", "Seconds, for that.", Takes.SECONDS, default=60.0, least=0.1)

SCHEMA_REQUESTS = Command(
    name="schema-requests",
    help="""Answer what people ask for in GatorMail's web interface.

    Published mappings are written to a file. Where the schema is asked for, the entry `schema` of the manifests is
    planned and applied under the rules of apply, and nothing else is. Then they are told that it is done.
    """,
    example="reconcile schema-requests gatormail --watch --auto-approve",
    run=answer_requests,
    parameters=(
        Parameter(
            "to",
            "Where published mappings go: YAML, or JSON [default: mappings/ALIAS.yaml in the project].",
            Takes.FILE,
        ),
        Parameter("watch", "Look again and again, until Ctrl-C.", Takes.FLAG),
        _INTERVAL,
        AUTO_APPROVE,
        Parameter("allow_delete", "Mappings that may be lost.", Takes.NUMBER, metavar="N", default=0, least=0),
        OVERWRITE_DRIFT,
    ),
)

DATAFEED_PULL = Command(
    name="datafeed pull",
    about="GatorMail's queue of opens, clicks, bounces and the like. Its options are the manifests' entry `datafeed`.",
    help="""Store all activity that is queued in FILE, then take it out of the queue.

    Each batch is stored durably before it is marked as processed, and a record that is stored already is passed over;
    so FILE has each record once, whenever a run ends. FILE is readable by its owner only, since records are about
    people.
    """,
    example="reconcile datafeed pull --to activity.jsonl --follow --auto-approve",
    run=pull_feed,
    parameters=(
        Parameter("to", "Where the records go: .sqlite or .db, .jsonl or .ndjson.", Takes.FILE, required=True),
        Parameter("follow", "Go on when the queue is empty, until Ctrl-C.", Takes.FLAG),
        _INTERVAL,
        AUTO_APPROVE,
    ),
)

# Options of ``reconcile sandbox``.
SANDBOX_OPTIONS = (
    Parameter(
        "gatormail_instance",
        "An instance of GatorMail [default: those of the project, else example_testlz].",
        many=True,
        metavar="NAME",
    ),
    Parameter(
        "gatormail_login",
        "A login of GatorMail and the instances that it opens; none: all. One with = in it takes one more at its end. "
        "[default: every login that is not empty opens all instances]",
        many=True,
        metavar="CLIENT_ID:SECRET:USER:PASSWORD[=INSTANCE,...]",
    ),
    Parameter(
        "contract", "YAML mapping over GatorMail's contract table, with the keys of a project's contract.", Takes.YAML
    ),
)
