-- GatorMail's tables. Every row belongs to an instance, which is a tenant of its own.

CREATE TABLE IF NOT EXISTS gm_token (
  digest TEXT PRIMARY KEY, kind TEXT NOT NULL, instances TEXT NOT NULL, scope TEXT NOT NULL, identity TEXT NOT NULL,
  expires INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS gm_campaign (
  instance TEXT NOT NULL, id INTEGER NOT NULL, name TEXT NOT NULL, crmid TEXT, type TEXT NOT NULL, status TEXT NOT NULL,
  startdate TEXT, enddate TEXT, created TEXT NOT NULL, replyto TEXT NOT NULL, fromname TEXT NOT NULL,
  fromaddress TEXT NOT NULL, subject TEXT NOT NULL, groupid INTEGER, emailid INTEGER, unsubscribeid INTEGER,
  begun INTEGER, round INTEGER, PRIMARY KEY (instance, id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS gm_campaign_open ON gm_campaign (instance, status) WHERE status IN ('Queued', 'Active');
CREATE INDEX IF NOT EXISTS gm_campaign_group ON gm_campaign (instance, groupid);
CREATE TABLE IF NOT EXISTS gm_email (
  instance TEXT NOT NULL, id INTEGER NOT NULL, name TEXT NOT NULL, html TEXT NOT NULL, text TEXT NOT NULL,
  track INTEGER NOT NULL, PRIMARY KEY (instance, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS gm_group (
  instance TEXT NOT NULL, id INTEGER NOT NULL, name TEXT NOT NULL, description TEXT NOT NULL, created TEXT NOT NULL,
  PRIMARY KEY (instance, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS gm_contact (
  instance TEXT NOT NULL, id INTEGER NOT NULL, email TEXT NOT NULL, firstname TEXT, lastname TEXT, title TEXT,
  position TEXT, company TEXT, fields TEXT NOT NULL, hard INTEGER NOT NULL, soft INTEGER NOT NULL,
  PRIMARY KEY (instance, id)) WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS gm_contact_email ON gm_contact (instance, fold(email));
CREATE TABLE IF NOT EXISTS gm_optout (
  instance TEXT NOT NULL, contactid INTEGER NOT NULL, unsubscribeid INTEGER NOT NULL,
  PRIMARY KEY (instance, contactid, unsubscribeid)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS gm_member (
  instance TEXT NOT NULL, groupid INTEGER NOT NULL, contactid INTEGER NOT NULL, state TEXT NOT NULL,
  rule INTEGER NOT NULL, PRIMARY KEY (instance, groupid, contactid)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS gm_member_contact ON gm_member (instance, contactid);
CREATE TABLE IF NOT EXISTS gm_send (
  instance TEXT NOT NULL, id INTEGER NOT NULL, campaignid INTEGER NOT NULL, emailid INTEGER, contactid INTEGER,
  subject TEXT NOT NULL, recipient TEXT NOT NULL, date INTEGER NOT NULL, reason TEXT NOT NULL,
  PRIMARY KEY (instance, id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS gm_send_campaign ON gm_send (instance, campaignid, contactid);
CREATE TABLE IF NOT EXISTS gm_trigger (
  instance TEXT NOT NULL, id INTEGER NOT NULL, key TEXT, campaignid INTEGER NOT NULL, contactid INTEGER NOT NULL,
  merge TEXT NOT NULL, due INTEGER NOT NULL, state TEXT NOT NULL, PRIMARY KEY (instance, id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS gm_trigger_open ON gm_trigger (instance) WHERE state = 'Pending';
CREATE INDEX IF NOT EXISTS gm_trigger_key ON gm_trigger (instance, key);
CREATE TABLE IF NOT EXISTS gm_entity (
  instance TEXT NOT NULL, id INTEGER NOT NULL, name TEXT NOT NULL, display TEXT, PRIMARY KEY (instance, id));
CREATE TABLE IF NOT EXISTS gm_attribute (
  instance TEXT NOT NULL, id INTEGER NOT NULL, entity TEXT NOT NULL, name TEXT NOT NULL, display TEXT,
  type TEXT NOT NULL, PRIMARY KEY (instance, id));
CREATE TABLE IF NOT EXISTS gm_mapping (
  instance TEXT NOT NULL, published INTEGER NOT NULL, entity TEXT NOT NULL, attribute TEXT NOT NULL,
  contactattribute TEXT NOT NULL, cleanse INTEGER NOT NULL,
  PRIMARY KEY (instance, published, entity, attribute, contactattribute)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS gm_request (
  instance TEXT NOT NULL, type TEXT NOT NULL, requested INTEGER NOT NULL, requestedat TEXT,
  PRIMARY KEY (instance, type)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS gm_record (
  instance TEXT NOT NULL, id INTEGER NOT NULL, type TEXT NOT NULL, campaignid INTEGER, contactid INTEGER NOT NULL,
  data TEXT NOT NULL, queued INTEGER NOT NULL, batch TEXT, PRIMARY KEY (instance, id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS gm_record_waiting ON gm_record (instance, id) WHERE queued AND batch IS NULL;
CREATE INDEX IF NOT EXISTS gm_record_batch ON gm_record (instance, batch);
CREATE INDEX IF NOT EXISTS gm_record_campaign ON gm_record (instance, campaignid, type);
CREATE TABLE IF NOT EXISTS gm_batch (
  instance TEXT NOT NULL, identifier TEXT NOT NULL, state TEXT NOT NULL,
  PRIMARY KEY (instance, identifier)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS gm_setting (
  instance TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (instance, name)) WITHOUT ROWID;
