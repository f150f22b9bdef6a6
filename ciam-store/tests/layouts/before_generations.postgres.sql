CREATE TABLE ciam_buckets (
    id uuid NOT NULL,
    realm uuid NOT NULL,
    version uuid NOT NULL,
    shape integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    doc json NOT NULL
);
CREATE TABLE ciam_challenges (
    id uuid NOT NULL,
    realm uuid NOT NULL,
    version uuid NOT NULL,
    shape integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    tries bigint NOT NULL,
    doc json NOT NULL
);
CREATE TABLE ciam_counters (
    id uuid NOT NULL,
    realm uuid NOT NULL,
    version uuid NOT NULL,
    shape integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    tries bigint NOT NULL,
    failed bigint NOT NULL,
    in_a_row bigint NOT NULL,
    last_failed bigint NOT NULL,
    doc json NOT NULL
);
CREATE TABLE ciam_dead_letters (
    id uuid NOT NULL,
    realm uuid NOT NULL,
    version uuid NOT NULL,
    shape integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    failed_at bigint,
    doc json NOT NULL
);
CREATE TABLE ciam_events (
    id uuid NOT NULL,
    realm uuid NOT NULL,
    version uuid NOT NULL,
    shape integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    subject uuid,
    at bigint,
    doc json NOT NULL,
    major bigint NOT NULL,
    seq bigint NOT NULL
);
ALTER TABLE ciam_events ALTER COLUMN seq ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME ciam_events_seq_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE ciam_followers (
    id uuid NOT NULL,
    realm uuid NOT NULL,
    version uuid NOT NULL,
    shape integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    doc json NOT NULL
);
CREATE TABLE ciam_identifiers (
    id uuid NOT NULL,
    realm uuid NOT NULL,
    version uuid NOT NULL,
    shape integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    verified_handle text COLLATE pg_catalog."C",
    user_id uuid,
    verified_at bigint,
    added_at bigint,
    doc json NOT NULL
);
CREATE TABLE ciam_journeys (
    id uuid NOT NULL,
    realm uuid NOT NULL,
    version uuid NOT NULL,
    shape integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    doc json NOT NULL
);
CREATE TABLE ciam_key_checks (
    id uuid NOT NULL,
    realm uuid NOT NULL,
    version uuid NOT NULL,
    shape integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    doc json NOT NULL
);
CREATE TABLE ciam_known_devices (
    id uuid NOT NULL,
    realm uuid NOT NULL,
    version uuid NOT NULL,
    shape integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    user_id uuid,
    seen_at bigint,
    doc json NOT NULL
);
CREATE TABLE ciam_leases (
    id uuid NOT NULL,
    realm uuid NOT NULL,
    version uuid NOT NULL,
    shape integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    doc json NOT NULL
);
CREATE TABLE ciam_message_templates (
    id uuid NOT NULL,
    realm uuid NOT NULL,
    version uuid NOT NULL,
    shape integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    application uuid,
    doc json NOT NULL
);
CREATE TABLE ciam_outbox (
    id uuid NOT NULL,
    realm uuid NOT NULL,
    version uuid NOT NULL,
    shape integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    due bigint,
    doc json NOT NULL
);
CREATE TABLE ciam_passwords (
    id uuid NOT NULL,
    realm uuid NOT NULL,
    version uuid NOT NULL,
    shape integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    doc json NOT NULL
);
CREATE TABLE ciam_registrations (
    id uuid NOT NULL,
    realm uuid NOT NULL,
    version uuid NOT NULL,
    shape integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    doc json NOT NULL
);
CREATE TABLE ciam_sessions (
    id uuid NOT NULL,
    realm uuid NOT NULL,
    version uuid NOT NULL,
    shape integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    user_id uuid,
    last_seen bigint NOT NULL,
    doc json NOT NULL
);
CREATE TABLE ciam_sign_up_slots (
    id uuid NOT NULL,
    realm uuid NOT NULL,
    version uuid NOT NULL,
    shape integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    doc json NOT NULL
);
CREATE TABLE ciam_stream (
    id boolean DEFAULT true NOT NULL,
    shift bigint NOT NULL,
    CONSTRAINT ciam_stream_id_check CHECK (id)
);
CREATE TABLE ciam_units (
    id uuid NOT NULL,
    at timestamp with time zone NOT NULL,
    committed boolean NOT NULL
);
CREATE TABLE ciam_user_standings (
    id uuid NOT NULL,
    realm uuid NOT NULL,
    version uuid NOT NULL,
    shape integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    doc json NOT NULL
);
CREATE TABLE ciam_users (
    id uuid NOT NULL,
    realm uuid NOT NULL,
    version uuid NOT NULL,
    shape integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    registered_at bigint,
    doc json NOT NULL
);
INSERT INTO ciam_events OVERRIDING SYSTEM VALUE VALUES ('01a202d0-4096-72f1-8119-cdc0c38bd30a', '00000000-0000-0000-0000-000000000000', '01a202d0-4096-782c-9faf-88f76c873c17', 1, '2026-11-22 10:32:12.182606+00', '2026-11-22 10:32:12.182606+00', '01a202d0-4096-7c0b-890c-14a150f372e7', 1795343532182606, '{"id":"evt_01a202d0409672f18119cdc0c38bd30a","at":1795343532182606,"name":"user.registered","actor":{"type":"system"},"subject":"usr_01a202d040967c0b890c14a150f372e7","origin":{"ip":null,"user_agent":null,"application":"app_00000000000000000000000000000000"},"data":{"identifier":"idf_01a202d0409679fe9aeaacec522174e3"}}', 738, 1);
INSERT INTO ciam_events OVERRIDING SYSTEM VALUE VALUES ('01a202d0-420f-78e5-ab76-434aea6066c8', '00000000-0000-0000-0000-000000000000', '01a202d0-420f-7dc7-88ea-4f029c5d19ed', 1, '2026-11-22 10:32:12.559116+00', '2026-11-22 10:32:12.559116+00', '01a202d0-420f-75d6-ae26-f80f16c8e017', 1795343532559116, '{"id":"evt_01a202d0420f78e5ab76434aea6066c8","at":1795343532559116,"name":"user.registered","actor":{"type":"system"},"subject":"usr_01a202d0420f75d6ae26f80f16c8e017","origin":{"ip":null,"user_agent":null,"application":"app_00000000000000000000000000000000"},"data":{"identifier":"idf_01a202d0420f7bac8939c34bdeede9bb"}}', 739, 2);
INSERT INTO ciam_events OVERRIDING SYSTEM VALUE VALUES ('01a202d0-434f-787a-bc34-202743d161c7', '00000000-0000-0000-0000-000000000000', '01a202d0-434f-7981-bf2d-21f9a0324fca', 1, '2026-11-22 10:32:12.879866+00', '2026-11-22 10:32:12.879866+00', '01a202d0-420f-75d6-ae26-f80f16c8e017', 1795343532879866, '{"id":"evt_01a202d0434f787abc34202743d161c7","at":1795343532879866,"name":"user.suspended","actor":{"type":"system"},"subject":"usr_01a202d0420f75d6ae26f80f16c8e017","origin":{"ip":null,"user_agent":null,"application":"app_00000000000000000000000000000000"},"data":{}}', 740, 3);
INSERT INTO ciam_identifiers VALUES ('01a202d0-4096-79fe-9aea-acec522174e3', '00000000-0000-0000-0000-000000000000', '01a202d0-4096-782c-9faf-88f76c873c17', 1, '2026-11-22 10:32:12.182606+00', '2026-11-22 10:32:12.182606+00', 'email:ada@example.com', '01a202d0-4096-7c0b-890c-14a150f372e7', 1795343532182606, 1795343532182606, '{"id":"idf_01a202d0409679fe9aeaacec522174e3","user":"usr_01a202d040967c0b890c14a150f372e7","handle":{"email":"ada@example.com"},"added":1795343532182606,"verified":1795343532182606}');
INSERT INTO ciam_identifiers VALUES ('01a202d0-420f-7bac-8939-c34bdeede9bb', '00000000-0000-0000-0000-000000000000', '01a202d0-420f-7dc7-88ea-4f029c5d19ed', 1, '2026-11-22 10:32:12.559116+00', '2026-11-22 10:32:12.559116+00', 'email:bob@example.com', '01a202d0-420f-75d6-ae26-f80f16c8e017', 1795343532559116, 1795343532559116, '{"id":"idf_01a202d0420f7bac8939c34bdeede9bb","user":"usr_01a202d0420f75d6ae26f80f16c8e017","handle":{"email":"bob@example.com"},"added":1795343532559116,"verified":1795343532559116}');
INSERT INTO ciam_key_checks VALUES ('bab64da1-8059-84cf-8ce4-6b6947182a6f', '00000000-0000-0000-0000-000000000000', '01a202d0-3edb-74ac-84ce-5bcec4a3a667', 1, '2026-11-22 10:32:11.739254+00', '2026-11-22 10:32:11.739254+00', '{"id":"kck_bab64da1805984cf8ce46b6947182a6f","sealed":"ATfxnZHHI-RdEMCjfjHLA8a6_EF2ylLUOT9ndl3AyOq8WwJOV7-taTjNbWU915sM6cBarKvBkq46wh00mGnAeJrnE0_QCF3yR1RgoBhX47Bwh2-ZzGa9q7TkKofpxw","made":1795343531739254}');
INSERT INTO ciam_passwords VALUES ('01a202d0-4096-7c0b-890c-14a150f372e7', '00000000-0000-0000-0000-000000000000', '01a202d0-4096-782c-9faf-88f76c873c17', 1, '2026-11-22 10:32:12.182606+00', '2026-11-22 10:32:12.182606+00', '{"id":"usr_01a202d040967c0b890c14a150f372e7","hash":"$argon2id$v=19$m=19456,t=2,p=1$Gik8LXHiwfvQnYtpNUe2VQ$QStkZX2DWdL68jjXzAcGrV9WQDVjB7f62/fv2BVSEak","set":1795343532182606}');
INSERT INTO ciam_passwords VALUES ('01a202d0-420f-75d6-ae26-f80f16c8e017', '00000000-0000-0000-0000-000000000000', '01a202d0-420f-7dc7-88ea-4f029c5d19ed', 1, '2026-11-22 10:32:12.559116+00', '2026-11-22 10:32:12.559116+00', '{"id":"usr_01a202d0420f75d6ae26f80f16c8e017","hash":"$argon2id$v=19$m=19456,t=2,p=1$VNW0i4t2rsDSPO691ogBxw$6s0G7bAjao3QCjmZzjWA8/bnt9JgxSjXpnTSYu2LSsQ","set":1795343532559116}');
INSERT INTO ciam_units VALUES ('01a202d0-3edb-74ac-84ce-5bcec4a3a667', '2026-11-22 10:32:11.739254+00', true);
INSERT INTO ciam_units VALUES ('01a202d0-4096-782c-9faf-88f76c873c17', '2026-11-22 10:32:12.182606+00', true);
INSERT INTO ciam_units VALUES ('01a202d0-420f-7dc7-88ea-4f029c5d19ed', '2026-11-22 10:32:12.559116+00', true);
INSERT INTO ciam_units VALUES ('01a202d0-434f-7981-bf2d-21f9a0324fca', '2026-11-22 10:32:12.879866+00', true);
INSERT INTO ciam_user_standings VALUES ('01a202d0-4096-7c0b-890c-14a150f372e7', '00000000-0000-0000-0000-000000000000', '01a202d0-4096-782c-9faf-88f76c873c17', 1, '2026-11-22 10:32:12.182606+00', '2026-11-22 10:32:12.182606+00', '{"id":"usr_01a202d040967c0b890c14a150f372e7","status":"active","epoch":0,"recoveries":0}');
INSERT INTO ciam_user_standings VALUES ('01a202d0-420f-75d6-ae26-f80f16c8e017', '00000000-0000-0000-0000-000000000000', '01a202d0-434f-7981-bf2d-21f9a0324fca', 1, '2026-11-22 10:32:12.559116+00', '2026-11-22 10:32:12.879866+00', '{"id":"usr_01a202d0420f75d6ae26f80f16c8e017","status":"suspended","epoch":1,"recoveries":1}');
INSERT INTO ciam_users VALUES ('01a202d0-4096-7c0b-890c-14a150f372e7', '00000000-0000-0000-0000-000000000000', '01a202d0-4096-782c-9faf-88f76c873c17', 1, '2026-11-22 10:32:12.182606+00', '2026-11-22 10:32:12.182606+00', 1795343532182606, '{"id":"usr_01a202d040967c0b890c14a150f372e7","name":null,"created":1795343532182606}');
INSERT INTO ciam_users VALUES ('01a202d0-420f-75d6-ae26-f80f16c8e017', '00000000-0000-0000-0000-000000000000', '01a202d0-420f-7dc7-88ea-4f029c5d19ed', 1, '2026-11-22 10:32:12.559116+00', '2026-11-22 10:32:12.559116+00', 1795343532559116, '{"id":"usr_01a202d0420f75d6ae26f80f16c8e017","name":null,"created":1795343532559116}');
SELECT pg_catalog.setval('ciam_events_seq_seq', 3, true);
ALTER TABLE ONLY ciam_buckets
    ADD CONSTRAINT ciam_buckets_pkey PRIMARY KEY (id);
ALTER TABLE ONLY ciam_challenges
    ADD CONSTRAINT ciam_challenges_pkey PRIMARY KEY (id);
ALTER TABLE ONLY ciam_counters
    ADD CONSTRAINT ciam_counters_pkey PRIMARY KEY (id);
ALTER TABLE ONLY ciam_dead_letters
    ADD CONSTRAINT ciam_dead_letters_pkey PRIMARY KEY (id);
ALTER TABLE ONLY ciam_events
    ADD CONSTRAINT ciam_events_pkey PRIMARY KEY (id);
ALTER TABLE ONLY ciam_followers
    ADD CONSTRAINT ciam_followers_pkey PRIMARY KEY (id);
ALTER TABLE ONLY ciam_identifiers
    ADD CONSTRAINT ciam_identifiers_pkey PRIMARY KEY (id);
ALTER TABLE ONLY ciam_journeys
    ADD CONSTRAINT ciam_journeys_pkey PRIMARY KEY (id);
ALTER TABLE ONLY ciam_key_checks
    ADD CONSTRAINT ciam_key_checks_pkey PRIMARY KEY (id);
ALTER TABLE ONLY ciam_known_devices
    ADD CONSTRAINT ciam_known_devices_pkey PRIMARY KEY (id);
ALTER TABLE ONLY ciam_leases
    ADD CONSTRAINT ciam_leases_pkey PRIMARY KEY (id);
ALTER TABLE ONLY ciam_message_templates
    ADD CONSTRAINT ciam_message_templates_pkey PRIMARY KEY (id);
ALTER TABLE ONLY ciam_outbox
    ADD CONSTRAINT ciam_outbox_pkey PRIMARY KEY (id);
ALTER TABLE ONLY ciam_passwords
    ADD CONSTRAINT ciam_passwords_pkey PRIMARY KEY (id);
ALTER TABLE ONLY ciam_registrations
    ADD CONSTRAINT ciam_registrations_pkey PRIMARY KEY (id);
ALTER TABLE ONLY ciam_sessions
    ADD CONSTRAINT ciam_sessions_pkey PRIMARY KEY (id);
ALTER TABLE ONLY ciam_sign_up_slots
    ADD CONSTRAINT ciam_sign_up_slots_pkey PRIMARY KEY (id);
ALTER TABLE ONLY ciam_stream
    ADD CONSTRAINT ciam_stream_pkey PRIMARY KEY (id);
ALTER TABLE ONLY ciam_units
    ADD CONSTRAINT ciam_units_pkey PRIMARY KEY (id);
ALTER TABLE ONLY ciam_user_standings
    ADD CONSTRAINT ciam_user_standings_pkey PRIMARY KEY (id);
ALTER TABLE ONLY ciam_users
    ADD CONSTRAINT ciam_users_pkey PRIMARY KEY (id);
CREATE INDEX ciam_buckets__expires_at__idx ON ciam_buckets USING btree (expires_at);
CREATE INDEX ciam_challenges__expires_at__idx ON ciam_challenges USING btree (expires_at);
CREATE INDEX ciam_counters__expires_at__idx ON ciam_counters USING btree (expires_at);
CREATE INDEX ciam_dead_letters__expires_at__idx ON ciam_dead_letters USING btree (expires_at);
CREATE INDEX ciam_dead_letters__failed_at__idx ON ciam_dead_letters USING btree (realm, failed_at, id) WHERE (failed_at IS NOT NULL);
CREATE INDEX ciam_events__realm__major__seq__idx ON ciam_events USING btree (realm, major, seq);
CREATE INDEX ciam_events__subject__at__idx ON ciam_events USING btree (realm, subject, at, id) WHERE ((subject IS NOT NULL) AND (at IS NOT NULL));
CREATE INDEX ciam_identifiers__user_id__added_at__idx ON ciam_identifiers USING btree (realm, user_id, added_at, id) WHERE ((user_id IS NOT NULL) AND (added_at IS NOT NULL));
CREATE INDEX ciam_identifiers__user_id__verified_at__idx ON ciam_identifiers USING btree (realm, user_id, verified_at, id) WHERE ((user_id IS NOT NULL) AND (verified_at IS NOT NULL));
CREATE UNIQUE INDEX ciam_identifiers__verified_handle__key ON ciam_identifiers USING btree (realm, verified_handle) WHERE (verified_handle IS NOT NULL);
CREATE INDEX ciam_journeys__expires_at__idx ON ciam_journeys USING btree (expires_at);
CREATE INDEX ciam_known_devices__expires_at__idx ON ciam_known_devices USING btree (expires_at);
CREATE INDEX ciam_known_devices__user_id__seen_at__idx ON ciam_known_devices USING btree (realm, user_id, seen_at, id) WHERE ((user_id IS NOT NULL) AND (seen_at IS NOT NULL));
CREATE INDEX ciam_leases__expires_at__idx ON ciam_leases USING btree (expires_at);
CREATE INDEX ciam_message_templates__application__idx ON ciam_message_templates USING btree (realm, application, id) WHERE (application IS NOT NULL);
CREATE INDEX ciam_outbox__due__idx ON ciam_outbox USING btree (realm, due, id) WHERE (due IS NOT NULL);
CREATE INDEX ciam_registrations__expires_at__idx ON ciam_registrations USING btree (expires_at);
CREATE INDEX ciam_sessions__expires_at__idx ON ciam_sessions USING btree (expires_at);
CREATE INDEX ciam_sessions__user_id__idx ON ciam_sessions USING btree (realm, user_id, id) WHERE (user_id IS NOT NULL);
CREATE INDEX ciam_sign_up_slots__expires_at__idx ON ciam_sign_up_slots USING btree (expires_at);
CREATE INDEX ciam_users__registered_at__idx ON ciam_users USING btree (realm, registered_at, id) WHERE (registered_at IS NOT NULL);
