-- A shop of music, as Chinook has one: quoted names in capitals, keys without identity, numeric(10, 2), varchar everywhere.
CREATE TABLE "Artist" ("ArtistId" int NOT NULL, "Name" varchar(120), CONSTRAINT "PK_Artist" PRIMARY KEY ("ArtistId"));
CREATE TABLE "Album" (
    "AlbumId" int NOT NULL, "Title" varchar(160) NOT NULL, "ArtistId" int NOT NULL,
    CONSTRAINT "PK_Album" PRIMARY KEY ("AlbumId"),
    CONSTRAINT "FK_AlbumArtistId" FOREIGN KEY ("ArtistId") REFERENCES "Artist" ("ArtistId"));
CREATE TABLE "Genre" ("GenreId" int NOT NULL PRIMARY KEY, "Name" varchar(120));
CREATE TABLE "MediaType" ("MediaTypeId" int NOT NULL PRIMARY KEY, "Name" varchar(120));
CREATE TABLE "Track" (
    "TrackId" int NOT NULL PRIMARY KEY, "Name" varchar(200) NOT NULL, "AlbumId" int REFERENCES "Album",
    "MediaTypeId" int NOT NULL REFERENCES "MediaType", "GenreId" int REFERENCES "Genre", "Composer" varchar(220),
    "Milliseconds" int NOT NULL, "Bytes" int, "UnitPrice" numeric(10, 2) NOT NULL);
CREATE TABLE "Playlist" ("PlaylistId" int NOT NULL PRIMARY KEY, "Name" varchar(120));
CREATE TABLE "PlaylistTrack" (
    "PlaylistId" int NOT NULL REFERENCES "Playlist", "TrackId" int NOT NULL REFERENCES "Track",
    CONSTRAINT "PK_PlaylistTrack" PRIMARY KEY ("PlaylistId", "TrackId"));
CREATE TABLE "Employee" (
    "EmployeeId" int NOT NULL PRIMARY KEY, "LastName" varchar(20) NOT NULL, "FirstName" varchar(20) NOT NULL,
    "ReportsTo" int REFERENCES "Employee", "BirthDate" timestamp, "HireDate" timestamp, "Email" varchar(60));
CREATE TABLE "Customer" (
    "CustomerId" int NOT NULL PRIMARY KEY, "FirstName" varchar(40) NOT NULL, "Company" varchar(80),
    "SupportRepId" int REFERENCES "Employee");
CREATE TABLE "Invoice" (
    "InvoiceId" int NOT NULL PRIMARY KEY, "CustomerId" int NOT NULL REFERENCES "Customer",
    "InvoiceDate" timestamp NOT NULL, "Total" numeric(10, 2) NOT NULL);
CREATE TABLE "InvoiceLine" (
    "InvoiceLineId" int NOT NULL PRIMARY KEY, "InvoiceId" int NOT NULL REFERENCES "Invoice",
    "TrackId" int NOT NULL REFERENCES "Track", "UnitPrice" numeric(10, 2) NOT NULL, "Quantity" int NOT NULL);
CREATE INDEX "IFK_AlbumArtistId" ON "Album" ("ArtistId");
CREATE INDEX "IFK_TrackAlbumId" ON "Track" ("AlbumId");
CREATE INDEX "IFK_PlaylistTrackTrackId" ON "PlaylistTrack" ("TrackId");
CREATE INDEX "IFK_InvoiceLineTrackId" ON "InvoiceLine" ("TrackId");
