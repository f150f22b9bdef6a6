PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE ciam_units (
    id BLOB NOT NULL PRIMARY KEY,
    at INTEGER NOT NULL,
    committed INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO ciam_units VALUES(X'01a202d03a92704b891ddc5269201993',1795343530642824,1);
INSERT INTO ciam_units VALUES(X'01a202d03bb9738e94ca9810384747e8',1795343530937747,1);
INSERT INTO ciam_units VALUES(X'01a202d03cce726aafb9f74f885ab9a6',1795343531214604,1);
INSERT INTO ciam_units VALUES(X'01a202d03d37722aadad6a59157c808c',1795343531319470,1);
CREATE TABLE IF NOT EXISTS "ciam_events" (
    "seq" INTEGER PRIMARY KEY AUTOINCREMENT,
    "id" BLOB NOT NULL UNIQUE,
    "realm" BLOB NOT NULL,
    "version" BLOB NOT NULL,
    "shape" INTEGER NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "subject" BLOB,
    "at" INTEGER,
    "doc" TEXT NOT NULL
) STRICT;
INSERT INTO ciam_events VALUES(1,X'01a202d03bb97d409e758020797db0f4',X'00000000000000000000000000000000',X'01a202d03bb9738e94ca9810384747e8',1,1795343530937747,1795343530937747,X'01a202d03bb973e3838c5e767943fbed',1795343530937747,'{"id":"evt_01a202d03bb97d409e758020797db0f4","at":1795343530937747,"name":"user.registered","actor":{"type":"system"},"subject":"usr_01a202d03bb973e3838c5e767943fbed","origin":{"ip":null,"user_agent":null,"application":"app_00000000000000000000000000000000"},"data":{"identifier":"idf_01a202d03bb97d4fa0c7055b1b117a88"}}');
INSERT INTO ciam_events VALUES(2,X'01a202d03cce7f79979f44fb20530652',X'00000000000000000000000000000000',X'01a202d03cce726aafb9f74f885ab9a6',1,1795343531214604,1795343531214604,X'01a202d03cce7afd807310b1f33e8005',1795343531214604,'{"id":"evt_01a202d03cce7f79979f44fb20530652","at":1795343531214604,"name":"user.registered","actor":{"type":"system"},"subject":"usr_01a202d03cce7afd807310b1f33e8005","origin":{"ip":null,"user_agent":null,"application":"app_00000000000000000000000000000000"},"data":{"identifier":"idf_01a202d03cce79c1a857cae908727182"}}');
INSERT INTO ciam_events VALUES(3,X'01a202d03d377328927eb0cf418fb3c6',X'00000000000000000000000000000000',X'01a202d03d37722aadad6a59157c808c',1,1795343531319470,1795343531319470,X'01a202d03cce7afd807310b1f33e8005',1795343531319470,'{"id":"evt_01a202d03d377328927eb0cf418fb3c6","at":1795343531319470,"name":"user.suspended","actor":{"type":"system"},"subject":"usr_01a202d03cce7afd807310b1f33e8005","origin":{"ip":null,"user_agent":null,"application":"app_00000000000000000000000000000000"},"data":{}}');
CREATE TABLE IF NOT EXISTS "ciam_users" (
    "id" BLOB NOT NULL PRIMARY KEY,
    "realm" BLOB NOT NULL,
    "version" BLOB NOT NULL,
    "shape" INTEGER NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "registered_at" INTEGER,
    "doc" TEXT NOT NULL
) STRICT;
INSERT INTO ciam_users VALUES(X'01a202d03bb973e3838c5e767943fbed',X'00000000000000000000000000000000',X'01a202d03bb9738e94ca9810384747e8',1,1795343530937747,1795343530937747,1795343530937747,'{"id":"usr_01a202d03bb973e3838c5e767943fbed","name":null,"created":1795343530937747}');
INSERT INTO ciam_users VALUES(X'01a202d03cce7afd807310b1f33e8005',X'00000000000000000000000000000000',X'01a202d03cce726aafb9f74f885ab9a6',1,1795343531214604,1795343531214604,1795343531214604,'{"id":"usr_01a202d03cce7afd807310b1f33e8005","name":null,"created":1795343531214604}');
CREATE TABLE IF NOT EXISTS "ciam_user_standings" (
    "id" BLOB NOT NULL PRIMARY KEY,
    "realm" BLOB NOT NULL,
    "version" BLOB NOT NULL,
    "shape" INTEGER NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "doc" TEXT NOT NULL
) STRICT;
INSERT INTO ciam_user_standings VALUES(X'01a202d03bb973e3838c5e767943fbed',X'00000000000000000000000000000000',X'01a202d03bb9738e94ca9810384747e8',1,1795343530937747,1795343530937747,'{"id":"usr_01a202d03bb973e3838c5e767943fbed","status":"active","epoch":0,"recoveries":0}');
INSERT INTO ciam_user_standings VALUES(X'01a202d03cce7afd807310b1f33e8005',X'00000000000000000000000000000000',X'01a202d03d37722aadad6a59157c808c',1,1795343531214604,1795343531319470,'{"id":"usr_01a202d03cce7afd807310b1f33e8005","status":"suspended","epoch":1,"recoveries":1}');
CREATE TABLE IF NOT EXISTS "ciam_identifiers" (
    "id" BLOB NOT NULL PRIMARY KEY,
    "realm" BLOB NOT NULL,
    "version" BLOB NOT NULL,
    "shape" INTEGER NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "verified_handle" TEXT,
    "user_id" BLOB,
    "verified_at" INTEGER,
    "added_at" INTEGER,
    "doc" TEXT NOT NULL
) STRICT;
INSERT INTO ciam_identifiers VALUES(X'01a202d03bb97d4fa0c7055b1b117a88',X'00000000000000000000000000000000',X'01a202d03bb9738e94ca9810384747e8',1,1795343530937747,1795343530937747,'email:ada@example.com',X'01a202d03bb973e3838c5e767943fbed',1795343530937747,1795343530937747,'{"id":"idf_01a202d03bb97d4fa0c7055b1b117a88","user":"usr_01a202d03bb973e3838c5e767943fbed","handle":{"email":"ada@example.com"},"added":1795343530937747,"verified":1795343530937747}');
INSERT INTO ciam_identifiers VALUES(X'01a202d03cce79c1a857cae908727182',X'00000000000000000000000000000000',X'01a202d03cce726aafb9f74f885ab9a6',1,1795343531214604,1795343531214604,'email:bob@example.com',X'01a202d03cce7afd807310b1f33e8005',1795343531214604,1795343531214604,'{"id":"idf_01a202d03cce79c1a857cae908727182","user":"usr_01a202d03cce7afd807310b1f33e8005","handle":{"email":"bob@example.com"},"added":1795343531214604,"verified":1795343531214604}');
CREATE TABLE IF NOT EXISTS "ciam_passwords" (
    "id" BLOB NOT NULL PRIMARY KEY,
    "realm" BLOB NOT NULL,
    "version" BLOB NOT NULL,
    "shape" INTEGER NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "doc" TEXT NOT NULL
) STRICT;
INSERT INTO ciam_passwords VALUES(X'01a202d03bb973e3838c5e767943fbed',X'00000000000000000000000000000000',X'01a202d03bb9738e94ca9810384747e8',1,1795343530937747,1795343530937747,'{"id":"usr_01a202d03bb973e3838c5e767943fbed","hash":"$argon2id$v=19$m=19456,t=2,p=1$JeLDMzZ0+x2J85XxMoh5Yg$QPiZKaSYOYBbSXggh7ofxpvktf1voSrK3wt0olWmhhc","set":1795343530937747}');
INSERT INTO ciam_passwords VALUES(X'01a202d03cce7afd807310b1f33e8005',X'00000000000000000000000000000000',X'01a202d03cce726aafb9f74f885ab9a6',1,1795343531214604,1795343531214604,'{"id":"usr_01a202d03cce7afd807310b1f33e8005","hash":"$argon2id$v=19$m=19456,t=2,p=1$gUk+PJ6rVPqZuksQt9PsDg$Kc4FzZzu6WixLV4uNG4ifLRXVxRdSe4OZ0luPOHaqTg","set":1795343531214604}');
CREATE TABLE IF NOT EXISTS "ciam_sessions" (
    "id" BLOB NOT NULL PRIMARY KEY,
    "realm" BLOB NOT NULL,
    "version" BLOB NOT NULL,
    "shape" INTEGER NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "expires_at" INTEGER NOT NULL,
    "user_id" BLOB,
    "last_seen" INTEGER NOT NULL,
    "doc" TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS "ciam_journeys" (
    "id" BLOB NOT NULL PRIMARY KEY,
    "realm" BLOB NOT NULL,
    "version" BLOB NOT NULL,
    "shape" INTEGER NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "expires_at" INTEGER NOT NULL,
    "doc" TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS "ciam_registrations" (
    "id" BLOB NOT NULL PRIMARY KEY,
    "realm" BLOB NOT NULL,
    "version" BLOB NOT NULL,
    "shape" INTEGER NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "expires_at" INTEGER NOT NULL,
    "doc" TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS "ciam_sign_up_slots" (
    "id" BLOB NOT NULL PRIMARY KEY,
    "realm" BLOB NOT NULL,
    "version" BLOB NOT NULL,
    "shape" INTEGER NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "expires_at" INTEGER NOT NULL,
    "doc" TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS "ciam_challenges" (
    "id" BLOB NOT NULL PRIMARY KEY,
    "realm" BLOB NOT NULL,
    "version" BLOB NOT NULL,
    "shape" INTEGER NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "expires_at" INTEGER NOT NULL,
    "tries" INTEGER NOT NULL,
    "doc" TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS "ciam_counters" (
    "id" BLOB NOT NULL PRIMARY KEY,
    "realm" BLOB NOT NULL,
    "version" BLOB NOT NULL,
    "shape" INTEGER NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "expires_at" INTEGER NOT NULL,
    "tries" INTEGER NOT NULL,
    "failed" INTEGER NOT NULL,
    "in_a_row" INTEGER NOT NULL,
    "last_failed" INTEGER NOT NULL,
    "doc" TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS "ciam_buckets" (
    "id" BLOB NOT NULL PRIMARY KEY,
    "realm" BLOB NOT NULL,
    "version" BLOB NOT NULL,
    "shape" INTEGER NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "expires_at" INTEGER NOT NULL,
    "doc" TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS "ciam_known_devices" (
    "id" BLOB NOT NULL PRIMARY KEY,
    "realm" BLOB NOT NULL,
    "version" BLOB NOT NULL,
    "shape" INTEGER NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "expires_at" INTEGER NOT NULL,
    "user_id" BLOB,
    "seen_at" INTEGER,
    "doc" TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS "ciam_outbox" (
    "id" BLOB NOT NULL PRIMARY KEY,
    "realm" BLOB NOT NULL,
    "version" BLOB NOT NULL,
    "shape" INTEGER NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "due" INTEGER,
    "doc" TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS "ciam_dead_letters" (
    "id" BLOB NOT NULL PRIMARY KEY,
    "realm" BLOB NOT NULL,
    "version" BLOB NOT NULL,
    "shape" INTEGER NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "expires_at" INTEGER NOT NULL,
    "failed_at" INTEGER,
    "doc" TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS "ciam_message_templates" (
    "id" BLOB NOT NULL PRIMARY KEY,
    "realm" BLOB NOT NULL,
    "version" BLOB NOT NULL,
    "shape" INTEGER NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "application" BLOB,
    "doc" TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS "ciam_key_checks" (
    "id" BLOB NOT NULL PRIMARY KEY,
    "realm" BLOB NOT NULL,
    "version" BLOB NOT NULL,
    "shape" INTEGER NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "doc" TEXT NOT NULL
) STRICT;
INSERT INTO ciam_key_checks VALUES(X'bab64da1805984cf8ce46b6947182a6f',X'00000000000000000000000000000000',X'01a202d03a92704b891ddc5269201993',1,1795343530642824,1795343530642824,'{"id":"kck_bab64da1805984cf8ce46b6947182a6f","sealed":"AQzGeEUR6ZPyNToo-hkid7WTLq5Dg7cbdsx-Pq1rVsR7AcAAxO2PbdTx57_zlBXx78ylGoyXphljlBJsVF9UsbKQ7eoSHaVKN_xBXzYVt0LISiSsYj-jHre-JzIfHA","made":1795343530642824}');
CREATE TABLE IF NOT EXISTS "ciam_leases" (
    "id" BLOB NOT NULL PRIMARY KEY,
    "realm" BLOB NOT NULL,
    "version" BLOB NOT NULL,
    "shape" INTEGER NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "expires_at" INTEGER NOT NULL,
    "doc" TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS "ciam_followers" (
    "id" BLOB NOT NULL PRIMARY KEY,
    "realm" BLOB NOT NULL,
    "version" BLOB NOT NULL,
    "shape" INTEGER NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "doc" TEXT NOT NULL
) STRICT;
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('ciam_events',3);
CREATE INDEX "ciam_events__subject__at__idx" ON "ciam_events" ("realm", "subject", "at", "id") WHERE "subject" IS NOT NULL AND "at" IS NOT NULL;
CREATE INDEX "ciam_events__realm__idx" ON "ciam_events" ("realm");
CREATE INDEX "ciam_users__registered_at__idx" ON "ciam_users" ("realm", "registered_at", "id") WHERE "registered_at" IS NOT NULL;
CREATE UNIQUE INDEX "ciam_identifiers__verified_handle__key" ON "ciam_identifiers" ("realm", "verified_handle") WHERE "verified_handle" IS NOT NULL;
CREATE INDEX "ciam_identifiers__user_id__verified_at__idx" ON "ciam_identifiers" ("realm", "user_id", "verified_at", "id") WHERE "user_id" IS NOT NULL AND "verified_at" IS NOT NULL;
CREATE INDEX "ciam_identifiers__user_id__added_at__idx" ON "ciam_identifiers" ("realm", "user_id", "added_at", "id") WHERE "user_id" IS NOT NULL AND "added_at" IS NOT NULL;
CREATE INDEX "ciam_sessions__user_id__idx" ON "ciam_sessions" ("realm", "user_id", "id") WHERE "user_id" IS NOT NULL;
CREATE INDEX "ciam_sessions__expires_at__idx" ON "ciam_sessions" ("expires_at");
CREATE INDEX "ciam_journeys__expires_at__idx" ON "ciam_journeys" ("expires_at");
CREATE INDEX "ciam_registrations__expires_at__idx" ON "ciam_registrations" ("expires_at");
CREATE INDEX "ciam_sign_up_slots__expires_at__idx" ON "ciam_sign_up_slots" ("expires_at");
CREATE INDEX "ciam_challenges__expires_at__idx" ON "ciam_challenges" ("expires_at");
CREATE INDEX "ciam_counters__expires_at__idx" ON "ciam_counters" ("expires_at");
CREATE INDEX "ciam_buckets__expires_at__idx" ON "ciam_buckets" ("expires_at");
CREATE INDEX "ciam_known_devices__user_id__seen_at__idx" ON "ciam_known_devices" ("realm", "user_id", "seen_at", "id") WHERE "user_id" IS NOT NULL AND "seen_at" IS NOT NULL;
CREATE INDEX "ciam_known_devices__expires_at__idx" ON "ciam_known_devices" ("expires_at");
CREATE INDEX "ciam_outbox__due__idx" ON "ciam_outbox" ("realm", "due", "id") WHERE "due" IS NOT NULL;
CREATE INDEX "ciam_dead_letters__failed_at__idx" ON "ciam_dead_letters" ("realm", "failed_at", "id") WHERE "failed_at" IS NOT NULL;
CREATE INDEX "ciam_dead_letters__expires_at__idx" ON "ciam_dead_letters" ("expires_at");
CREATE INDEX "ciam_message_templates__application__idx" ON "ciam_message_templates" ("realm", "application", "id") WHERE "application" IS NOT NULL;
CREATE INDEX "ciam_leases__expires_at__idx" ON "ciam_leases" ("expires_at");
COMMIT;
