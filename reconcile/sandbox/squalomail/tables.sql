-- SqualoMail's tables. Every row belongs to an account, since each account of the real service is a database of its
-- own. So ids are counted per account, and an id from one account may exist in another.

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
