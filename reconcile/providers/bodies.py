"""Bodies of mails, as both platforms may rewrite them."""


def one_newline(text: str) -> str:
    """Line ends as LF and none at the end: the platform may rewrite them, and nobody sees them in a mail."""
    return text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")
