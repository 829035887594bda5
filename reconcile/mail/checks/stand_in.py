"""A file that stands in for the content: a pointer, an encrypted file, a link written as text, an error page."""

import re
from collections.abc import Iterator

from reconcile.mail.checks.check import Check, Found, Mail, Severity, Text

_KINDS: tuple[tuple[str, re.Pattern[str], str], ...] = (
    (
        "a pointer of Git LFS, not the file that it points at",
        re.compile(r"\A\s*version https://git-lfs\.github\.com/spec/"),
        "Fetch the files with `git lfs pull`; in CI, check out with LFS.",
    ),
    (
        "a pointer of git-annex, not the file that it points at",
        re.compile(r"\A\s*(?:\.\./)*(?:\.git/annex/objects/|/annex/objects/)\S+\s*\Z"),
        "Fetch the files with `git annex get .`.",
    ),
    (
        "encrypted with git-crypt",
        re.compile(r"\A\0?GITCRYPT\0?"),
        "Unlock the checkout with `git-crypt unlock`.",
    ),
    (
        "encrypted with sops",
        re.compile(r"ENC\[AES256_GCM,data:|^\s*\"?sops\"?:\s*(?:\{|\n)", re.MULTILINE),
        "Decrypt it with `sops --decrypt` before reconcile runs.",
    ),
    (
        "encrypted with age",
        re.compile(r"\A\s*(?:age-encryption\.org/v1|-----BEGIN AGE ENCRYPTED FILE-----)"),
        "Decrypt it with `age --decrypt` before reconcile runs.",
    ),
    (
        "encrypted with Ansible Vault",
        re.compile(r"\A\s*\$ANSIBLE_VAULT;"),
        "Decrypt it with `ansible-vault decrypt` before reconcile runs.",
    ),
    (
        "an encrypted or signed PGP message",
        re.compile(r"\A\s*-----BEGIN PGP (?:MESSAGE|SIGNED MESSAGE)-----"),
        "Put the plain text there.",
    ),
    (
        "an error page of a server, not the mail",
        re.compile(
            r"\A\s*(?:[45]\d\d[: ]+(?:Not Found|Forbidden|Bad Gateway|Internal Server Error|Service Unavailable|"
            r"Unauthorized)\b|<\?xml[^>]*>\s*<Error>|\{\"(?:message|error)\":\s*\"[^\"]*\"[^}]*\}\s*\Z)"
            r"|<title>\s*(?:[45]\d\d\b[^<]{0,60}|(?:Page )?Not Found|Access Denied|Bad Gateway)\s*</title>",
            re.IGNORECASE,
        ),
        "Fetch the file again, and look at it.",
    ),
)
_LINK = re.compile(r"\A(?:\.{1,2}/)*[\w.-]+(?:/[\w.-]+)*\.(?:html?|txt|mjml|md|eml)\s*\Z")


def _look(mail: Mail) -> Iterator[Found]:
    for text in mail.bodies:
        content = text.source if text.source is not None else text.value
        for what, pattern, hint in _KINDS:
            found = pattern.search(content)
            if found is not None:
                yield Found(f"{_subject(text)} is {what}.", text, found.start(), hint)
                break
        else:
            if text.file is not None and _LINK.match(content.strip()):
                yield Found(
                    f"{_subject(text)} holds the path {content.strip()} and nothing else: a link stored as text.",
                    text,
                    0,
                    "Check the link out as a link (`git config core.symlinks true`), or name the file itself.",
                )


def _subject(text: Text) -> str:
    return f"The file {text.file}" if text.file is not None else f"`{text.attribute}`"


CHECK = Check(
    "stand-in",
    Severity.ERROR,
    "something else in place of the content",
    "The live mail would be replaced by a pointer, a cipher or an error page.",
    _look,
    bad={"html": "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 87518\n"},
    good={"html": "<p>Our age: 12. See https://git-lfs.github.com/spec/v1.</p>"},
)
