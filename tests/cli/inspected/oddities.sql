-- What schemas of others have: names that are Python's, Chakra's or SQL's own, capitals, names of 63 bytes, several keys
-- to one table, tables between with columns of their own, keys in an order of their own, types of every kind.
CREATE SCHEMA "Odd Schema";
CREATE TYPE pp_colors AS ENUM ('red', 'green');
CREATE TYPE "Odd Schema"."Mixed" AS ENUM ('A b', 'a-b', '', '_', '__x__', 'None', 'mro', 'ﬁ', 'fi', '1');
CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
CREATE DOMAIN "Odd Schema".code AS varchar(8) COLLATE "C" DEFAULT 'x' NOT NULL
    CONSTRAINT short CHECK (length(VALUE) < 8) CONSTRAINT "low er" CHECK (VALUE = lower(VALUE));
CREATE DOMAIN smaller AS positive CONSTRAINT below CHECK (VALUE < 100);
CREATE DOMAIN color_list AS pp_colors[];
CREATE TYPE place AS (street text, "zip code" positive, class text);
CREATE TYPE "Odd Schema".route AS (start place, via place[], color pp_colors);
CREATE TYPE real_range AS RANGE (subtype = real);
CREATE TABLE employee (
    id serial PRIMARY KEY, boss_id integer REFERENCES employee, mentor integer REFERENCES employee ON DELETE SET NULL,
    "Boss" text, objects text, "def" text, "class" integer, "None" boolean, "lambda" text, pk integer, save text, "delete" text,
    meta jsonb, query text, "user" text, "select" text, "from" date, "order" smallint, "__table__" text, "_state" text,
    "2nd" text, "ﬁ" text, "fi" text, "a b" text, "a-b" text, "a_b" text, "ünïcode" text, type text, "self" text,
    "line
break" text);
COMMENT ON COLUMN employee."def" IS 'line
break "and" ''quotes'' \ """';
CREATE TABLE "Transfer" (
    "Id" bigint GENERATED ALWAYS AS IDENTITY (START 5 INCREMENT 5) PRIMARY KEY,
    "FromId" integer NOT NULL REFERENCES employee, "ToId" integer NOT NULL REFERENCES employee,
    "from" integer REFERENCES employee, employee integer REFERENCES employee);
CREATE INDEX "Transfer_FromId_idx" ON "Transfer" ("FromId");
CREATE TABLE project (name text PRIMARY KEY, color pp_colors DEFAULT 'red', "dates" daterange);
CREATE TABLE member (
    project text REFERENCES project ON UPDATE CASCADE, employee_id integer REFERENCES employee, since date NOT NULL DEFAULT now(),
    role text, PRIMARY KEY (employee_id, project));
CREATE TABLE liked (project text REFERENCES project, employee_id integer REFERENCES employee, PRIMARY KEY (project, employee_id));
CREATE TABLE a23456789012345678901234567890123456789012345678901234567890123 (
    b23456789012345678901234567890123456789012345678901234567890123 serial PRIMARY KEY,
    c23456789012345678901234567890123456789012345678901234567890123 integer UNIQUE
        REFERENCES a23456789012345678901234567890123456789012345678901234567890123);
CREATE INDEX ON a23456789012345678901234567890123456789012345678901234567890123
    (c23456789012345678901234567890123456789012345678901234567890123);
CREATE TABLE "Odd Schema"."table" (
    b integer, a bigint, n smallserial, m bigserial, code "Odd Schema".code, smaller smaller, many color_list, mixed "Odd Schema"."Mixed"[],
    route "Odd Schema".route, routes "Odd Schema".route[], during real_range, bits bit(3), more varbit, UNIQUE (a, n) INCLUDE (b),
    PRIMARY KEY (a, b));
ALTER TABLE "Odd Schema"."table" ALTER n DROP NOT NULL;
ALTER SEQUENCE "Odd Schema".table_m_seq INCREMENT -2 MINVALUE -100 MAXVALUE 50 START 40 CACHE 3 CYCLE;
CREATE TABLE "Odd Schema".refers (
    id integer PRIMARY KEY, a bigint, b integer, c bigint,
    FOREIGN KEY (a, b) REFERENCES "Odd Schema"."table" ON DELETE CASCADE,
    CONSTRAINT again FOREIGN KEY (c, b) REFERENCES "Odd Schema"."table" (a, b) MATCH FULL);
CREATE TABLE dates ("date" date PRIMARY KEY, "time" time, "Model" text, "Field" integer, "field" integer, "Index" text, "Any" point);
CREATE TABLE models (id integer PRIMARY KEY, "index" integer);
CREATE INDEX models_index_idx ON models USING hash ("index");
CREATE INDEX models_idx ON models ("index") WHERE "index" > 0;
CREATE TABLE signs (id integer PRIMARY KEY, words tsvector);
CREATE INDEX signs_idx ON signs USING gist (words tsvector_ops (siglen = 300));
CREATE VIEW "Odd Schema"."View" AS SELECT e.id AS "class", e."def" AS "Def", p.color FROM employee e, project p;
