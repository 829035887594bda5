"""The SQLite database under the sandbox: its tables, transactions and snapshots.

Every row belongs to an account, since each account of the real service is a database of its own; so ids are counted
per account, and an id from one account may exist in another.
"""

import hashlib
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_VERSION = 1

_SCHEMA = """
CREATE TABLE counter (account TEXT, name TEXT, value INTEGER NOT NULL, PRIMARY KEY (account, name)) WITHOUT ROWID;

CREATE TABLE list (
  account TEXT NOT NULL, listid INTEGER NOT NULL, name TEXT NOT NULL, description TEXT, color TEXT NOT NULL,
  ordering INTEGER NOT NULL, published INTEGER NOT NULL, visible INTEGER NOT NULL, alias TEXT NOT NULL,
  tags TEXT NOT NULL, category TEXT NOT NULL, welmailid INTEGER NOT NULL, unsubmailid INTEGER NOT NULL,
  created_on INTEGER NOT NULL, PRIMARY KEY (account, listid)) WITHOUT ROWID;
CREATE INDEX list_name ON list (account, name COLLATE NOCASE);

CREATE TABLE mail (
  account TEXT NOT NULL, mailid INTEGER NOT NULL, type TEXT NOT NULL, subject TEXT NOT NULL, published INTEGER NOT NULL,
  senddate INTEGER NOT NULL, created INTEGER NOT NULL, lastupdate INTEGER NOT NULL, fromemail TEXT NOT NULL,
  fromname TEXT NOT NULL, replyemail TEXT NOT NULL, replyname TEXT NOT NULL, language TEXT NOT NULL,
  visible INTEGER NOT NULL, utm TEXT NOT NULL, templateid INTEGER, body TEXT NOT NULL, altbody TEXT NOT NULL,
  PRIMARY KEY (account, mailid));
CREATE INDEX mail_subject ON mail (account, subject COLLATE NOCASE);
CREATE INDEX mail_due ON mail (senddate) WHERE published = 2;

CREATE TABLE listmail (
  account TEXT NOT NULL, mailid INTEGER NOT NULL, listid INTEGER NOT NULL,
  PRIMARY KEY (account, mailid, listid)) WITHOUT ROWID;
CREATE INDEX listmail_list ON listmail (account, listid);

CREATE TABLE recipient (
  account TEXT NOT NULL, subid INTEGER NOT NULL, email TEXT NOT NULL COLLATE NOCASE, name TEXT NOT NULL,
  surname TEXT NOT NULL, gender TEXT NOT NULL, phone TEXT, html INTEGER NOT NULL, confirmed INTEGER NOT NULL,
  confirmed_date INTEGER NOT NULL, confirmed_ip TEXT, enabled INTEGER NOT NULL, accept INTEGER NOT NULL,
  gdpr_can_send INTEGER NOT NULL, gdpr_can_track INTEGER NOT NULL, decided TEXT NOT NULL,
  needs_gdpr_consent INTEGER NOT NULL, ip TEXT NOT NULL, tags TEXT NOT NULL, source TEXT NOT NULL,
  created INTEGER NOT NULL, lastopen_date INTEGER NOT NULL, lastopen_ip TEXT, lastclick_date INTEGER NOT NULL,
  lastsent_date INTEGER NOT NULL, email_imported_value TEXT NOT NULL, name_imported_value TEXT NOT NULL,
  key TEXT NOT NULL, PRIMARY KEY (account, subid)) WITHOUT ROWID;
CREATE UNIQUE INDEX recipient_email ON recipient (account, email COLLATE NOCASE);

CREATE TABLE listsub (
  account TEXT NOT NULL, listid INTEGER NOT NULL, subid INTEGER NOT NULL, subdate INTEGER NOT NULL, unsubdate INTEGER,
  status INTEGER NOT NULL, PRIMARY KEY (account, listid, subid)) WITHOUT ROWID;
CREATE INDEX listsub_recipient ON listsub (account, subid);

CREATE TABLE field (
  account TEXT NOT NULL, fieldid INTEGER NOT NULL, fieldname TEXT NOT NULL, namekey TEXT NOT NULL COLLATE NOCASE,
  type TEXT NOT NULL, value TEXT NOT NULL, published INTEGER NOT NULL, ordering INTEGER NOT NULL,
  PRIMARY KEY (account, fieldid)) WITHOUT ROWID;
CREATE UNIQUE INDEX field_key ON field (account, namekey COLLATE NOCASE);

CREATE TABLE fieldvalue (
  account TEXT NOT NULL, subid INTEGER NOT NULL, fieldid INTEGER NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY (account, subid, fieldid)) WITHOUT ROWID;
CREATE INDEX fieldvalue_field ON fieldvalue (account, fieldid);

CREATE TABLE history (
  account TEXT NOT NULL, subid INTEGER NOT NULL, date INTEGER NOT NULL, action TEXT NOT NULL, ip TEXT NOT NULL,
  data TEXT NOT NULL, source TEXT NOT NULL, mailid INTEGER NOT NULL);
CREATE INDEX history_recipient ON history (account, subid, date);

CREATE TABLE stats (
  account TEXT NOT NULL, mailid INTEGER NOT NULL, senthtml INTEGER NOT NULL, senttext INTEGER NOT NULL,
  senddate INTEGER NOT NULL, openunique INTEGER NOT NULL, opentotal INTEGER NOT NULL, clickunique INTEGER NOT NULL,
  clicktotal INTEGER NOT NULL, bounceunique INTEGER NOT NULL, fail INTEGER NOT NULL, unsub INTEGER NOT NULL,
  forward INTEGER NOT NULL, PRIMARY KEY (account, mailid)) WITHOUT ROWID;

CREATE TABLE userstats (
  account TEXT NOT NULL, mailid INTEGER NOT NULL, subid INTEGER NOT NULL, html INTEGER NOT NULL, sent INTEGER NOT NULL,
  senddate INTEGER NOT NULL, open INTEGER NOT NULL, opendate INTEGER NOT NULL, bounce INTEGER NOT NULL,
  fail INTEGER NOT NULL, ip TEXT, browser TEXT, browser_version INTEGER, is_mobile INTEGER, mobile_os TEXT,
  user_agent TEXT, PRIMARY KEY (account, mailid, subid)) WITHOUT ROWID;
CREATE INDEX userstats_recipient ON userstats (account, subid);

CREATE TABLE url (
  account TEXT NOT NULL, urlid INTEGER NOT NULL, mailid INTEGER NOT NULL, name TEXT NOT NULL, url TEXT NOT NULL,
  PRIMARY KEY (account, urlid)) WITHOUT ROWID;
CREATE INDEX url_mail ON url (account, mailid);

CREATE TABLE urlclick (
  account TEXT NOT NULL, urlid INTEGER NOT NULL, mailid INTEGER NOT NULL, subid INTEGER NOT NULL,
  click INTEGER NOT NULL, date INTEGER NOT NULL, ip TEXT NOT NULL,
  PRIMARY KEY (account, urlid, mailid, subid)) WITHOUT ROWID;

CREATE TABLE send (
  id INTEGER PRIMARY KEY, account TEXT NOT NULL, mailid INTEGER NOT NULL, subject TEXT NOT NULL, subid INTEGER NOT NULL,
  recipient TEXT NOT NULL, senddate INTEGER NOT NULL, reason TEXT NOT NULL);

CREATE TABLE job (
  id INTEGER PRIMARY KEY, account TEXT NOT NULL, due INTEGER NOT NULL, done INTEGER, arguments TEXT NOT NULL,
  result TEXT);
CREATE INDEX job_due ON job (due) WHERE done IS NULL;

CREATE TABLE consent (
  id INTEGER PRIMARY KEY, account TEXT NOT NULL, subid INTEGER NOT NULL, title TEXT NOT NULL, granted INTEGER NOT NULL,
  language TEXT NOT NULL, date INTEGER NOT NULL);

CREATE TABLE event (
  id INTEGER PRIMARY KEY, account TEXT NOT NULL, date INTEGER NOT NULL, kind TEXT NOT NULL, arguments TEXT NOT NULL);
"""


class Store:
    """One database, in memory or in a file that several processes may have open.

    The connection is shared by all threads and guarded by a lock, so transactions of one process run one by one;
    those of other processes are waited for, up to ten seconds.
    """

    def __init__(self, path: str | Path = ":memory:") -> None:
        self._lock = threading.RLock()
        self._depth = 0
        if str(path) != ":memory:":
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._connection = _connect(str(path))
        try:
            self._create()
        except BaseException:
            self._connection.close()
            raise

    @contextmanager
    def transaction(self, *, write: bool) -> Iterator[sqlite3.Connection]:
        """The connection, inside a transaction that is undone by any exception; inner ones join the outer one."""
        with self._lock:
            if self._depth == 0:
                # A transaction that starts as a reader and then writes could fail half-way, as another process
                # may have written in between; so writers say at the start what they are.
                self._connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
            self._depth += 1
            try:
                yield self._connection
            except BaseException:
                self._depth -= 1
                if self._depth == 0:
                    self._connection.execute("ROLLBACK")
                raise
            self._depth -= 1
            if self._depth == 0:
                self._connection.execute("COMMIT")

    def add_tables(self, first: str, script: str) -> None:
        """Make the tables of one more provider, unless the one named ``first`` is there already."""
        with self.transaction(write=True) as db:
            if db.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", (first,)).fetchone() is None:
                for statement in script.split(";"):
                    db.execute(statement)

    def snapshot(self) -> sqlite3.Connection:
        """A copy of everything as it is now, in memory; the caller closes it."""
        with self._lock:
            copy = _connect(":memory:")
            self._connection.backup(copy)
            return copy

    def clear(self) -> None:
        """Forget all rows of all accounts."""
        with self.transaction(write=True) as db:
            for (table,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
                db.execute(f'DELETE FROM "{table}"')  # noqa: S608 - the name comes from the database itself

    def close(self) -> None:
        """Close the file; nothing may be called afterwards."""
        with self._lock:
            self._connection.close()

    def _create(self) -> None:
        with self.transaction(write=True) as db:
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version not in (0, _VERSION):
                raise ValueError(f"the sandbox's data have format {version}, not {_VERSION}: remove the file")
            if version == _VERSION:
                return
            for statement in _SCHEMA.split(";"):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {_VERSION}")


def digest(email: str) -> str:
    """A short stand-in for an address: the same for the same address, in whatever case, and not readable."""
    return hashlib.sha256(email.lower().encode()).hexdigest()[:16]


def _connect(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10.0)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode = WAL")
    # Without the wait for the disk a power cut may cost the last writes. No real mail or money hangs on the
    # sandbox's data, and a crash of the process alone loses nothing.
    connection.execute("PRAGMA synchronous = OFF")
    connection.create_function("digest", 1, digest, deterministic=True)
    connection.create_function("fold", 1, _fold, deterministic=True)
    return connection


def _fold(text: str | None) -> str | None:
    """Lower case of all scripts; SQLite's own lower() knows only ASCII."""
    return None if text is None else str(text).lower()
