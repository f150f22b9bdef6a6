-- The first version of the people of `tests/migrations`, from before rows told their generation.
CREATE TABLE ciam_units (
    id BLOB NOT NULL PRIMARY KEY,
    at INTEGER NOT NULL,
    committed INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE "ciam_evo_people" (
    "id" BLOB NOT NULL PRIMARY KEY,
    "realm" BLOB NOT NULL,
    "version" BLOB NOT NULL,
    "shape" INTEGER NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "team" TEXT,
    "visits" INTEGER NOT NULL,
    "doc" TEXT NOT NULL
) STRICT;
CREATE INDEX "ciam_evo_people__team__idx" ON "ciam_evo_people" ("realm", "team", "id") WHERE "team" IS NOT NULL;
INSERT INTO ciam_evo_people VALUES
    (x'01a202d03bb973e38000000000000001', x'00000000000000000000000000000000', x'01a202d03bb973e3800000000000000a', 1, 1, 1, 'red', 4,
     '{"id":"tpers_01a202d03bb973e38000000000000001","name":"Ann Lee","team":"red","visits":0}'),
    (x'01a202d03bb973e38000000000000002', x'00000000000000000000000000000000', x'01a202d03bb973e3800000000000000b', 1, 1, 2, NULL, 0,
     '{"id":"tpers_01a202d03bb973e38000000000000002","name":"Bob Day","team":null,"visits":0}'),
    (x'01a202d03bb973e38000000000000003', x'00000000000000000000000000000000', x'01a202d03bb973e3800000000000000c', 1, 2, 2, 'red', 0,
     '{"id":"tpers_01a202d03bb973e38000000000000003","name":"Cid Lee","team":"red","visits":0}');
