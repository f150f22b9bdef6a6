CREATE TABLE "ciam_clubs" (
    "id" BLOB NOT NULL PRIMARY KEY,
    "realm" BLOB NOT NULL,
    "version" BLOB NOT NULL,
    "shape" INTEGER NOT NULL,
    "layout" INTEGER NOT NULL DEFAULT 1,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "expires_at" INTEGER NOT NULL,
    "name" TEXT,
    "city" TEXT,
    "founded" INTEGER,
    "members" INTEGER NOT NULL DEFAULT 0,
    "visited" INTEGER NOT NULL DEFAULT 0,
    "doc" TEXT NOT NULL
) STRICT;
CREATE INDEX "ciam_clubs__city__founded__idx" ON "ciam_clubs" ("realm", "city", "founded", "id") WHERE "city" IS NOT NULL AND "founded" IS NOT NULL;
CREATE INDEX "ciam_clubs__expires_at__idx" ON "ciam_clubs" ("expires_at");
CREATE UNIQUE INDEX "ciam_clubs__name__key" ON "ciam_clubs" ("realm", "name") WHERE "name" IS NOT NULL;
CREATE TABLE "ciam_events" (
    "seq" INTEGER PRIMARY KEY AUTOINCREMENT,
    "id" BLOB NOT NULL UNIQUE,
    "realm" BLOB NOT NULL,
    "version" BLOB NOT NULL,
    "shape" INTEGER NOT NULL,
    "layout" INTEGER NOT NULL DEFAULT 1,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "subject" BLOB,
    "at" INTEGER,
    "doc" TEXT NOT NULL
) STRICT;
CREATE INDEX "ciam_events__realm__idx" ON "ciam_events" ("realm");
CREATE INDEX "ciam_events__subject__at__idx" ON "ciam_events" ("realm", "subject", "at", "id") WHERE "subject" IS NOT NULL AND "at" IS NOT NULL;
CREATE TABLE ciam_layouts (
    collection TEXT NOT NULL,
    generation INTEGER NOT NULL,
    columns TEXT NOT NULL,
    indexes TEXT NOT NULL,
    shape INTEGER NOT NULL,
    fenced INTEGER NOT NULL,
    PRIMARY KEY (collection, generation)
) STRICT, WITHOUT ROWID;
CREATE TABLE ciam_units (
    id BLOB NOT NULL PRIMARY KEY,
    at INTEGER NOT NULL,
    committed INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
