"""What a file may hold in place of a mail: a pointer, a cipher, a link written as text, an error page, data."""

import json
import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class StandIn:
    """What a file is ("a pointer of Git LFS"), where that begins, and the way out."""

    what: str
    at: int
    hint: str


_FETCH: Final = "Fetch the file again, and look at it."
_CREDENTIALS: Final = "Fetch the file with credentials, and look at it."
_REASON: Final = (
    r"(?:Not Found|Page Not Found|File Not Found|Forbidden|Access Denied|Bad Gateway|Bad Request|Internal Server Error"
    r"|Service (?:Temporarily )?Unavailable|Gateway Time-?out|Unauthori[sz]ed|Too Many Requests|Moved Permanently"
    r"|Moved Temporarily|Found|Object moved|Gone|Method Not Allowed|Proxy Authentication Required|Request Time-?out"
    r"|Authorization Required|Authentication Required)"
)
# A whole text that is a server's answer, as raw file hosts, proxies and frameworks give it.
_ANSWER: Final = (
    rf"(?:HTTP/[\d.]+\s+)?(?:Error\s+)?(?:[345]\d\d\s*[:,-]?\s*)?{_REASON}\.?"
    r"|(?:default backend\s*-\s*)?404(?: page not found)?|[45]\d\d:\s+\w[^\n<]{0,60}|Error:?\s+[45]\d\d\b[^\n<]{0,80}"
    r"|Cannot (?:GET|POST) /\S*|Found\. Redirecting to \S+|Repository not found\.?|Bad credentials|no healthy upstream"
    r"|upstream connect error[^\n]*(?:\n[^\n]*)?|Invalid (?:token|signature|credentials)\.?"
    r"|(?:File|Object|Blob) not found\.?"
    r"|The specified (?:key|blob|resource) does not exist\.?|You are being redirected\.*"
)
# Not "Found" and "Gone", which begin titles of mails, too.
_PLAIN_REASON: Final = _REASON.replace("|Found|", "|").replace("|Gone|", "|")
_TITLE: Final = (
    rf"(?:HTTP(?: Status|/[\d.]+)?\s*)?(?:Error\s*)?[345]\d\d\s*[:|,–—-]?\s*(?:Error\b|{_REASON}\b)"
    rf"|(?:Error\s*)?[345]\d\d\Z|(?:Error\s*[:–—-]?\s*)?{_PLAIN_REASON}[!.]?(?:\s*[·|–—-][^<]*)?\Z"
    r"|HTTP(?: Status)? [345]\d\d\b|(?:Runtime |Server )?Error(?: in [^<]*)?\Z"
    r"|Just a moment\b|Attention Required!|One moment, please|Checking your browser|Document Moved"
    r"|(?:404\W*)?(?:Seite nicht gefunden|Pagina non trovata|Page introuvable|Stran ni najdena|Página no encontrada)\b"
    r"|[^<]*·\s*Git(?:Hub|Lab)\b"
)
# What a file begins with, or is as a whole.
_BEGINS: tuple[tuple[str, str, str], ...] = (
    (
        "a pointer of Git LFS, not the file that it points at",
        r"\s*version https?://(?:git-lfs|hawser)\.github\.com/spec/|\s*oid sha256:[0-9a-f]{64}\s+size \d+\s*\Z",
        "Fetch the files with `git lfs pull`; in CI, check out with LFS.",
    ),
    (
        "a pointer of git-annex, not the file that it points at",
        r"\s*(?:\.\./)*/?(?:\.git/)?annex/objects/\S+\s*\Z",
        "Fetch the files with `git annex get .`.",
    ),
    (
        "a pointer of DVC, not the file that it points at",
        r"\s*(?:md5: [0-9a-f]+\s+)?outs:\s*\n\s*- (?:md5|hash|size|path|etag):",
        "Fetch the files with `dvc pull`.",
    ),
    (
        "a pointer of git to another repository",
        r"\s*(?:Subproject commit [0-9a-f]{40}|gitdir: \S+)\s*\Z",
        "Fetch it with `git submodule update`.",
    ),
    ("encrypted with git-crypt", r"\0?GITCRYPT\b", "Unlock the checkout with `git-crypt unlock`."),
    (
        "encrypted with age",
        r"\s*(?:age-encryption\.org/v\d|-----BEGIN AGE ENCRYPTED FILE-----)",
        "Decrypt it with `age --decrypt` before reconcile runs.",
    ),
    ("encrypted with Ansible Vault", r"\s*\$ANSIBLE_VAULT;", "Decrypt it with `ansible-vault decrypt`."),
    ("an encrypted or signed PGP message", r"\s*-----BEGIN PGP [A-Z, ]+-----", "Put the plain text there."),
    ("a key, a certificate or a message in its armour", r"\s*-----BEGIN [A-Z0-9 ]+-----", "Put the mail there."),
    (
        "encrypted with OpenSSL, as transcrypt does",
        r"\s*U2FsdGVkX1[0-9A-Za-z+/=\s]*\Z|Salted__",
        "Decrypt it before reconcile runs.",
    ),
    (
        "encrypted",
        r"\s*(?:vault:v\d+:\S+|EJ\[\d:[^\]]+\]|eyJ[\w-]+\.[\w-]*\.[\w-]*(?:\.[\w-]+)*)\s*\Z",
        "Decrypt it before reconcile runs.",
    ),
    (
        "a patch, not the file that it changes",
        r"\s*(?:diff -{2}git a/|diff -\w+ |Index: \S+\r?\n=+|--- \S[^\n]*\n\+\+\+ \S|From [0-9a-f]{40} \w{3} )",
        "Apply it with `git apply`, and name the file itself.",
    ),
    (
        "a shortcut, not the file that it leads to",
        r"\s*(?:\[InternetShortcut\]|!<symlink>|XSym\r?\n\d{4}|IntxLNK)",
        "Put the file itself there.",
    ),
    ("a document of a word processor or for print", r"\s*(?:\{\\rtf\d|%PDF-|%!PS)", "Save it as HTML."),
    (
        "an error page of a server, not the mail",
        rf"\s*(?:{_ANSWER})\s*\Z|\s*(?:<\?xml[^>]*>\s*)?<Error>",
        _FETCH,
    ),
    (
        "XML of another kind, not a mail",
        r"\s*<\?xml[^>]*\?>\s*(?:<!--.*?-->\s*)*<(?!!DOCTYPE\s+html\b|html\b|!--)[A-Za-z!]",
        "Name the HTML.",
    ),
    ("a drawing, not a mail", r"\s*<svg\b", "Name the HTML, and put the drawing into it as a picture."),
)
# What stands somewhere in it.
_HOLDS: tuple[tuple[str, str, str], ...] = (
    (
        "encrypted with sops",
        r"ENC\[AES256_GCM,data:|^[ \t]*\"?sops\"?[ \t]*:[ \t]*(?:\{|\r?\n)|^sops_version=|^\[sops\][ \t]*$",
        "Decrypt it with `sops --decrypt` before reconcile runs.",
    ),
    ("encrypted", r"^kind:[ \t]*SealedSecret[ \t\r]*$", "Put the plain text there."),
    (
        "an error page of a server, not the mail",
        rf"<h1>\s*(?:[45]\d\d\s+)?{_PLAIN_REASON}\s*</h1>\s*(?:<p>|<hr)",
        _FETCH,
    ),
    (
        "a page to sign in at, not the mail",
        r"<input\b[^>]*\btype\s*=\s*[\"']?password\b|<input\b[^>]*\bname\s*=\s*[\"']?SAMLRequest\b",
        _CREDENTIALS,
    ),
)
_IN_TITLE = re.compile(r"<title\b[^>]*>([^<]{0,300})</title", re.I)
_ERROR_TITLE = re.compile(_TITLE, re.I)
_SIGN_IN = re.compile(r"(?:Sign in|Log ?in|Log on|Anmelden|Accedi|Prijava)\b", re.I)
_HEAD = 4000  # characters by which what begins a file is known


def _compiled(kinds: tuple[tuple[str, str, str], ...]) -> tuple[tuple[str, re.Pattern[str], str], ...]:
    return tuple((what, re.compile(pattern, re.I | re.M), hint) for what, pattern, hint in kinds)


_BEGINNING, _HOLDING = _compiled(_BEGINS), _compiled(_HOLDS)
_PATH = re.compile(
    r"\A(?:(?:[A-Za-z]:[\\/]|/|(?:\.{1,2}[\\/])+)?[\w.@+-]+(?:[\\/][\w.@+ -]+)*\.(?:html?|xhtml|txt|mjml|md|eml|j2)"
    r"|(?:/|(?:\.{1,2}/)+)[\w.@+-]+(?:/[\w.@+-]+)*)\Z"
)
_URL = re.compile(r"\Ahttps?://\S+\Z")
_BASE64 = re.compile(r"\A(?:[A-Za-z0-9+/]{40,}\r?\n?){3,}[A-Za-z0-9+/]*={0,2}\Z")


def stands_in(content: str, *, file: bool = True, html: bool = True) -> StandIn | None:
    """What a text is, if it is no mail.

    ``file``: it is a whole file, which may be a link written as text; ``html``: not a plain text, which may well be an
    address and nothing else.
    """
    head = content[:_HEAD]
    for what, pattern, hint in _BEGINNING:
        if pattern.match(head):
            return StandIn(what, 0, hint)
    for what, pattern, hint in _HOLDING:
        found = pattern.search(content)
        if found is not None:
            return StandIn(what, found.start(), hint)
    title = _IN_TITLE.search(content)
    if title is not None and _ERROR_TITLE.match(title[1].strip()):
        return StandIn("an error page of a server, not the mail", title.start(), _FETCH)
    if title is not None and _SIGN_IN.match(title[1].strip()) and "<form" in content.lower():
        return StandIn("a page to sign in at, not the mail", title.start(), _CREDENTIALS)
    bare = content.strip()
    if file and len(bare) < 4096 and "\n" not in bare and _PATH.match(bare):
        return StandIn(
            f"the path {bare} and nothing else: a link stored as text",
            0,
            "Check the link out as a link (`git config core.symlinks true`), or name the file itself.",
        )
    if html and _URL.match(bare):
        return StandIn("an address and nothing else", 0, "Fetch what is there, and put it into the file.")
    if _BASE64.match(bare):
        return StandIn("encoded as base64", 0, "Save it decoded.")
    return _data(bare)


def _data(bare: str) -> StandIn | None:
    """JSON, as services answer with errors and editors keep their designs."""
    if bare[:1] not in ("{", "[") or bare[-1:] not in ("}", "]"):
        return None
    try:
        value = json.loads(bare)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict | list) or not value:
        return None
    refusals = {"error", "errors", "message", "detail", "status", "code", "title"}
    if isinstance(value, dict) and {str(name).lower() for name in value} & refusals and len(value) < 8:
        return StandIn("an error of a server as JSON, not the mail", 0, _FETCH)
    return StandIn("data as JSON, not a mail", 0, "Export the HTML, and name that.")
