-- The first version of the people of `tests/migrations`, from before rows told their generation.
CREATE TABLE ciam_units (
    id uuid PRIMARY KEY,
    at timestamp with time zone NOT NULL,
    committed boolean NOT NULL
);
CREATE TABLE ciam_stream (
    id boolean PRIMARY KEY DEFAULT true CHECK (id),
    shift bigint NOT NULL
);
CREATE TABLE "ciam_evo_people" (
    "id" uuid NOT NULL PRIMARY KEY,
    "realm" uuid NOT NULL,
    "version" uuid NOT NULL,
    "shape" integer NOT NULL,
    "created_at" timestamp with time zone NOT NULL,
    "updated_at" timestamp with time zone NOT NULL,
    "team" text COLLATE "C",
    "visits" bigint NOT NULL,
    "doc" json NOT NULL
);
CREATE INDEX "ciam_evo_people__team__idx" ON "ciam_evo_people" ("realm", "team", "id") WHERE "team" IS NOT NULL;
INSERT INTO ciam_evo_people VALUES
    ('01a202d03bb973e38000000000000001', '00000000000000000000000000000000', '01a202d03bb973e3800000000000000a', 1, now(), now(), 'red', 4,
     '{"id":"tpers_01a202d03bb973e38000000000000001","name":"Ann Lee","team":"red","visits":0}'),
    ('01a202d03bb973e38000000000000002', '00000000000000000000000000000000', '01a202d03bb973e3800000000000000b', 1, now(), now(), NULL, 0,
     '{"id":"tpers_01a202d03bb973e38000000000000002","name":"Bob Day","team":null,"visits":0}'),
    ('01a202d03bb973e38000000000000003', '00000000000000000000000000000000', '01a202d03bb973e3800000000000000c', 1, now(), now(), 'red', 0,
     '{"id":"tpers_01a202d03bb973e38000000000000003","name":"Cid Lee","team":"red","visits":0}');
