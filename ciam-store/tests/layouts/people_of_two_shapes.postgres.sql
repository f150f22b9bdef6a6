-- The people of `tests/migrations` in their second generation, whose documents had a family name and no initial (shape 2).
-- One record is of the first.
CREATE TABLE ciam_units (
    id uuid PRIMARY KEY,
    at timestamp with time zone NOT NULL,
    committed boolean NOT NULL
);
CREATE TABLE ciam_stream (
    id boolean PRIMARY KEY DEFAULT true CHECK (id),
    shift bigint NOT NULL
);
CREATE TABLE ciam_layouts (
    collection text NOT NULL,
    generation integer NOT NULL,
    columns text NOT NULL,
    indexes text NOT NULL,
    shape integer NOT NULL,
    fenced integer NOT NULL,
    PRIMARY KEY (collection, generation)
);
INSERT INTO ciam_layouts VALUES
    ('evo_people', 1, 'team:text visits:live', 'team', 1, 0), ('evo_people', 2, 'team:text visits:live', 'team', 2, 0);
CREATE TABLE "ciam_evo_people" (
    "id" uuid NOT NULL PRIMARY KEY,
    "realm" uuid NOT NULL,
    "version" uuid NOT NULL,
    "shape" integer NOT NULL,
    "layout" integer NOT NULL DEFAULT 1,
    "created_at" timestamp with time zone NOT NULL,
    "updated_at" timestamp with time zone NOT NULL,
    "team" text COLLATE "C",
    "visits" bigint NOT NULL,
    "doc" json NOT NULL
);
CREATE INDEX "ciam_evo_people__team__idx" ON "ciam_evo_people" ("realm", "team", "id") WHERE "team" IS NOT NULL;
INSERT INTO ciam_evo_people VALUES
    ('01a202d03bb973e38000000000000001', '00000000000000000000000000000000', '01a202d03bb973e3800000000000000a', 1, 1, now(), now(), 'red', 4,
     '{"id":"tpers_01a202d03bb973e38000000000000001","name":"Ann Lee","team":"red","visits":0}'),
    ('01a202d03bb973e38000000000000002', '00000000000000000000000000000000', '01a202d03bb973e3800000000000000b', 2, 2, now(), now(), NULL, 0,
     '{"id":"tpers_01a202d03bb973e38000000000000002","name":"Bob Day","family":"Day","team":null,"visits":0}'),
    ('01a202d03bb973e38000000000000003', '00000000000000000000000000000000', '01a202d03bb973e3800000000000000c', 2, 2, now(), now(), 'red', 0,
     '{"id":"tpers_01a202d03bb973e38000000000000003","name":"Cid Lee","family":"Lee","team":"red","visits":0}');
