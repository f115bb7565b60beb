-- Baseball, as Lahman has it: names in camel case or beginning with digits, keys of up to four columns, keys of several
-- columns that share one, teams that change, smallint and char(n), tables without any key.
CREATE TABLE leagues ("lgID" char(2) PRIMARY KEY, league varchar(50) NOT NULL, active char(1) NOT NULL);
CREATE TABLE "teamsFranchises" ("franchID" varchar(3) PRIMARY KEY, "franchName" varchar(50), "NAassoc" varchar(3));
CREATE TABLE people (
    "playerID" varchar(9) PRIMARY KEY, "birthYear" int, "birthMonth" smallint, "nameFirst" varchar(255),
    "nameLast" varchar(255), weight int, height int, bats char(1), throws char(1), debut date, "finalGame" date,
    "retroID" varchar(9) UNIQUE);
CREATE TABLE teams (
    "yearID" smallint NOT NULL, "lgID" char(2) NOT NULL REFERENCES leagues, "teamID" char(3) NOT NULL,
    "franchID" varchar(3) REFERENCES "teamsFranchises", "Rank" smallint, "G" smallint, "2B" smallint, "3B" smallint,
    "ERA" double precision, name varchar(50), attendance int,
    PRIMARY KEY ("yearID", "lgID", "teamID"));
CREATE INDEX teams_franch ON teams ("franchID", "yearID" DESC);
CREATE TABLE batting (
    "playerID" varchar(9) NOT NULL REFERENCES people ON DELETE CASCADE, "yearID" smallint NOT NULL, stint smallint NOT NULL,
    "teamID" char(3), "lgID" char(2), "G" smallint, "AB" smallint, "R" smallint, "H" smallint, "2B" smallint,
    "3B" smallint, "HR" smallint DEFAULT 0, avg real,
    PRIMARY KEY ("playerID", "yearID", stint),
    FOREIGN KEY ("lgID") REFERENCES leagues,
    FOREIGN KEY ("yearID", "lgID", "teamID") REFERENCES teams);
CREATE TABLE managers (
    "playerID" varchar(9), "yearID" smallint NOT NULL, "teamID" char(3) NOT NULL, "lgID" char(2) NOT NULL,
    inseason smallint NOT NULL, "plyrMgr" char(1),
    PRIMARY KEY ("yearID", "teamID", inseason), FOREIGN KEY ("yearID", "lgID", "teamID") REFERENCES teams,
    FOREIGN KEY ("playerID") REFERENCES people);
CREATE TABLE schools ("schoolID" varchar(15) PRIMARY KEY, name_full varchar(255), country varchar(55));
CREATE TABLE collegeplaying (
    "playerID" varchar(9) NOT NULL REFERENCES people, "schoolID" varchar(15) REFERENCES schools, "yearID" smallint);
CREATE TABLE seriespost (
    "yearID" smallint, round varchar(5), "teamIDwinner" char(3), "lgIDwinner" char(2), "teamIDloser" char(3),
    "lgIDloser" char(2), wins smallint, PRIMARY KEY ("yearID", round),
    CONSTRAINT winner FOREIGN KEY ("yearID", "lgIDwinner", "teamIDwinner") REFERENCES teams,
    CONSTRAINT loser FOREIGN KEY ("yearID", "lgIDloser", "teamIDloser") REFERENCES teams);
CREATE TABLE halloffame (
    "playerID" varchar(10) NOT NULL, yearid smallint NOT NULL, "votedBy" varchar(64) NOT NULL, ballots smallint,
    inducted char(1) CHECK (inducted IN ('Y', 'N')), PRIMARY KEY ("playerID", yearid, "votedBy"));
