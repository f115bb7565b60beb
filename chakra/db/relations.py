"""What the catalog says of the relations that statements touch, and so whether using them can change the session.

A statement of ours calls nothing that stays on a session. What the relations behind it call is another matter: a
view, a trigger, a policy, a check, a default, a domain or an index may run anybody's code. This module asks the
server, once for each relation, and remembers the answer until the catalog changes. It does no I/O itself.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final

from chakra.pg.quoting import quote_string
from chakra.pg.text import TEMPORARY_TABLE, Touch

Run = Callable[[str], Awaitable[str]]
"""Runs a query by the simple protocol and returns its command tag (``SELECT 3``)."""

Fetch = Callable[[str], Awaitable[Iterable[Any]]]
"""Runs a query and returns its rows."""

MAX_STATEMENTS: Final = 20_000
"""Texts of harmless statements kept for a database; 100 bytes each beside the shape cache, which has them too."""

# Relations asked for at once: the answer is a number of rows, eight times four to the power of this at most.
_AT_ONCE = 3

# First OID that initdb does not give (FirstNormalObjectId, src/include/access/transam.h).
_OURS = "16384"

# Functions that leave something on the session, or run SQL that is given to them: those of the server (manual, 9.27,
# 9.28, 9.15.3, 9.13), and of its extensions dblink, tablefunc and xml2.
_LASTING = (
    "set_config setseed pg_advisory_lock pg_advisory_lock_shared pg_try_advisory_lock pg_try_advisory_lock_shared "
    "pg_advisory_unlock pg_advisory_unlock_all pg_advisory_unlock_shared pg_replication_origin_session_setup "
    "pg_replication_origin_session_reset query_to_xml query_to_xmlschema query_to_xml_and_xmlschema cursor_to_xml "
    "cursor_to_xmlschema table_to_xml table_to_xmlschema table_to_xml_and_xmlschema schema_to_xml "
    "schema_to_xmlschema schema_to_xml_and_xmlschema database_to_xml database_to_xmlschema "
    "database_to_xml_and_xmlschema ts_stat ts_rewrite"
)
_LASTING_OF_EXTENSIONS = (
    "dblink dblink_connect dblink_connect_u dblink_disconnect dblink_open dblink_fetch dblink_close dblink_exec "
    "dblink_send_query dblink_get_result dblink_cancel_query crosstab crosstab2 crosstab3 crosstab4 crosstabn "
    "connectby xpath_table postgres_fdw_get_connections"
)


def _names(words: str) -> str:
    return "'{" + ",".join(words.split()) + "}'::pg_catalog.name[]"


# Whether function p is neither the server's own nor C code of an extension known to be harmless. C code is trusted:
# only superusers can install it. SQL and procedural languages can call anything, and so can aggregates made of them;
# functions in "internal" are other names of the server's own.
_FOREIGN = f"""p.oid >= {_OURS} AND (p.proname = ANY ({_names(_LASTING_OF_EXTENSIONS)})
    OR p.prolang NOT IN (SELECT l.oid FROM pg_catalog.pg_language l WHERE l.lanname IN ('c', 'internal'))
    OR p.prosrc IN (SELECT b.prosrc FROM pg_catalog.pg_proc b
        WHERE b.pronamespace = 'pg_catalog'::regnamespace AND b.proname = ANY ({_names(_LASTING)}))
    OR p.prokind = 'a' AND EXISTS (SELECT FROM pg_catalog.pg_aggregate g JOIN pg_catalog.pg_proc s
        ON s.oid IN (g.aggtransfn, g.aggfinalfn, g.aggcombinefn, g.aggserialfn, g.aggdeserialfn, g.aggmtransfn,
                     g.aggminvtransfn, g.aggmfinalfn)
        WHERE g.aggfnoid = p.oid AND s.oid >= {_OURS} AND s.prolang NOT IN
            (SELECT l.oid FROM pg_catalog.pg_language l WHERE l.lanname IN ('c', 'internal'))))"""

# In order: the relations a relation stands for or leads to when it is read or (``write``) written, with whether rows
# are changed in them (``written``): its children, the parents of partitions (whose keys are computed), tables behind
# policies; for writing, those that foreign keys change in turn or look into. Then what belongs to these and holds
# expressions; the types of columns and expressions with all that types stand on; what belongs to the types; and the
# functions that all of it depends on (manual, pg_depend, in which nothing stands that initdb made).
_QUERY = f"""WITH RECURSIVE asked (at, oid) AS (VALUES ASKED
), reached (at, write, oid, written) AS (
    SELECT at, w.write, oid, w.write FROM asked, (VALUES (false), (true)) AS w (write) WHERE oid IS NOT NULL
  UNION
    SELECT r.at, r.write, n.oid, n.written
    FROM reached r CROSS JOIN LATERAL (
        SELECT i.inhrelid AS oid, r.written FROM pg_catalog.pg_inherits i WHERE i.inhparent = r.oid
      UNION ALL
        SELECT i.inhparent, r.written FROM pg_catalog.pg_inherits i
        JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid AND c.relispartition WHERE i.inhrelid = r.oid
      UNION ALL
        SELECT d.refobjid, false
        FROM pg_catalog.pg_policy p
        JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_policy'::regclass AND d.objid = p.oid
             AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid <> p.polrelid
        WHERE p.polrelid = r.oid
      UNION ALL
        SELECT k.conrelid, k.confdeltype IN ('c', 'n', 'd') OR k.confupdtype IN ('c', 'n', 'd')
        FROM pg_catalog.pg_constraint k WHERE r.written AND k.contype = 'f' AND k.confrelid = r.oid
      UNION ALL
        SELECT k.confrelid, false
        FROM pg_catalog.pg_constraint k WHERE r.written AND k.contype = 'f' AND k.conrelid = r.oid
    ) n
), parts (at, write, class, oid, tree) AS MATERIALIZED (
    SELECT r.at, r.write, n.class, n.oid, n.tree
    FROM reached r CROSS JOIN LATERAL (
        SELECT 'pg_catalog.pg_class'::regclass AS class, r.oid, (SELECT p.partexprs::text
            FROM pg_catalog.pg_partitioned_table p WHERE p.partrelid = r.oid) AS tree
      UNION ALL
        SELECT 'pg_catalog.pg_class'::regclass, i.indexrelid, concat(i.indexprs::text, i.indpred::text)
        FROM pg_catalog.pg_index i WHERE i.indrelid = r.oid
      UNION ALL
        SELECT 'pg_catalog.pg_constraint'::regclass, k.oid, k.conbin::text
        FROM pg_catalog.pg_constraint k WHERE k.conrelid = r.oid
      UNION ALL
        SELECT 'pg_catalog.pg_statistic_ext'::regclass, s.oid, NULL
        FROM pg_catalog.pg_statistic_ext s WHERE s.stxrelid = r.oid
      UNION ALL
        SELECT 'pg_catalog.pg_policy'::regclass, p.oid, concat(p.polqual::text, p.polwithcheck::text)
        FROM pg_catalog.pg_policy p WHERE p.polrelid = r.oid
      UNION ALL
        SELECT 'pg_catalog.pg_attrdef'::regclass, f.oid, f.adbin::text
        FROM pg_catalog.pg_attrdef f JOIN pg_catalog.pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum
        WHERE f.adrelid = r.oid AND (r.written OR a.attgenerated = 'v')
      UNION ALL
        SELECT 'pg_catalog.pg_trigger'::regclass, g.oid, g.tgqual::text
        FROM pg_catalog.pg_trigger g
        WHERE g.tgrelid = r.oid AND r.written AND g.tgenabled <> 'D' AND NOT g.tgisinternal
    ) n
), needs (at, write, class, oid) AS MATERIALIZED (
    SELECT p.at, p.write, d.refclassid, d.refobjid
    FROM parts p JOIN pg_catalog.pg_depend d ON d.classid = p.class AND d.objid = p.oid
    WHERE d.refobjid >= {_OURS} AND d.refclassid <> 'pg_catalog.pg_class'::regclass
), held (at, write, oid) AS (
    SELECT at, write, oid FROM (
        SELECT r.at, r.write, a.atttypid AS oid FROM reached r
        JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
      UNION ALL
        SELECT at, write, oid FROM needs WHERE class = 'pg_catalog.pg_type'::regclass) AS first
  UNION
    SELECT h.at, h.write, n.oid
    FROM held h JOIN pg_catalog.pg_type t ON t.oid = h.oid AND t.oid >= {_OURS}
    CROSS JOIN LATERAL (
        SELECT unnest(ARRAY[t.typelem, t.typbasetype]) AS oid
      UNION ALL
        SELECT a.atttypid FROM pg_catalog.pg_attribute a
        WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
      UNION ALL
        SELECT unnest(ARRAY[g.rngtypid, g.rngsubtype]) FROM pg_catalog.pg_range g
        WHERE t.typtype IN ('r', 'm') AND t.oid IN (g.rngtypid, g.rngmultitypid)
    ) n
    WHERE n.oid <> 0
), typed (at, write, class, oid, tree) AS MATERIALIZED (
    SELECT h.at, h.write, n.class, n.oid, n.tree
    FROM held h CROSS JOIN LATERAL (
        SELECT 'pg_catalog.pg_type'::regclass AS class, t.oid, t.typdefaultbin::text AS tree
        FROM pg_catalog.pg_type t WHERE t.oid = h.oid
      UNION ALL
        SELECT 'pg_catalog.pg_constraint'::regclass, k.oid, k.conbin::text
        FROM pg_catalog.pg_constraint k WHERE k.contypid = h.oid
    ) n
    WHERE h.oid >= {_OURS}
), used (at, write, class, oid) AS MATERIALIZED (
    SELECT at, write, class, oid FROM needs
  UNION ALL
    SELECT p.at, p.write, d.refclassid, d.refobjid
    FROM typed p JOIN pg_catalog.pg_depend d ON d.classid = p.class AND d.objid = p.oid
    WHERE d.refobjid >= {_OURS}
  UNION ALL
    SELECT h.at, h.write, 'pg_catalog.pg_operator'::regclass, o.oid
    FROM held h JOIN pg_catalog.pg_operator o ON h.oid IN (o.oprleft, o.oprright)
    WHERE h.oid >= {_OURS} AND o.oid >= {_OURS}
  UNION ALL
    SELECT h.at, h.write, 'pg_catalog.pg_opclass'::regclass, k.oid
    FROM held h JOIN pg_catalog.pg_opclass k ON k.opcintype = h.oid
    WHERE k.oid >= {_OURS}
), called (at, write, oid) AS (
    SELECT at, write, oid FROM used WHERE class = 'pg_catalog.pg_proc'::regclass
  UNION ALL
    SELECT u.at, u.write, o.oprcode::oid FROM used u
    JOIN pg_catalog.pg_operator o ON u.class = 'pg_catalog.pg_operator'::regclass AND o.oid = u.oid
  UNION ALL
    SELECT u.at, u.write, a.amproc::oid FROM used u
    JOIN pg_catalog.pg_opclass k ON u.class = 'pg_catalog.pg_opclass'::regclass AND k.oid = u.oid
    JOIN pg_catalog.pg_amproc a ON a.amprocfamily = k.opcfamily
  UNION ALL
    SELECT u.at, u.write, o.oprcode::oid FROM used u
    JOIN pg_catalog.pg_opclass k ON u.class = 'pg_catalog.pg_opclass'::regclass AND k.oid = u.oid
    JOIN pg_catalog.pg_amop a ON a.amopfamily = k.opcfamily
    JOIN pg_catalog.pg_operator o ON o.oid = a.amopopr
  UNION ALL
    SELECT h.at, h.write, s.castfunc FROM held h
    JOIN pg_catalog.pg_cast s ON h.oid IN (s.castsource, s.casttarget) AND s.castfunc >= {_OURS}
), unsafe (at, write) AS MATERIALIZED (
    SELECT c.at, c.write FROM called c JOIN pg_catalog.pg_proc p ON p.oid = c.oid AND {_FOREIGN}
  UNION
    SELECT r.at, r.write FROM reached r JOIN pg_catalog.pg_class c ON c.oid = r.oid
    WHERE c.relkind NOT IN ('r', 'p', 'm', 'S', 't')
       OR c.relhasrules AND EXISTS (SELECT FROM pg_catalog.pg_rewrite w
              WHERE w.ev_class = c.oid AND w.ev_type <> '1' AND w.ev_enabled <> 'D')
  UNION
    SELECT at, write FROM (
        SELECT at, write, tree FROM parts WHERE tree <> ''
      UNION ALL
        SELECT at, write, tree FROM typed WHERE tree <> '') AS trees
    WHERE tree ~ (SELECT ':(?:op)?funcid (?:' || pg_catalog.string_agg(oid::text, '|') || ')\\M'
        FROM pg_catalog.pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND proname = ANY ({_names(_LASTING)}))
)
SELECT FROM pg_catalog.generate_series(1, (
    CASE WHEN pg_catalog.set_config('jit', pg_catalog.current_setting('chakra.jit'), true) = '' THEN 0 ELSE 0 END
    + CASE WHEN EXISTS (SHADOWING) THEN 1 ELSE 0 END
    + CASE WHEN EXISTS (
        SELECT FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_proc p ON p.oid = o.oprcode AND {_FOREIGN}
        WHERE o.oid >= {_OURS} AND o.oprleft < {_OURS} AND o.oprright < {_OURS} AND EXISTS (
            SELECT FROM pg_catalog.pg_operator b WHERE b.oprname = o.oprname AND b.oid < {_OURS}))
      OR EXISTS (
        SELECT FROM pg_catalog.pg_cast s JOIN pg_catalog.pg_proc p ON p.oid = s.castfunc AND {_FOREIGN}
        WHERE s.castsource < {_OURS} AND s.casttarget < {_OURS}) THEN 2 ELSE 0 END
    + CASE WHEN EXISTS (
        SELECT FROM pg_catalog.pg_event_trigger e JOIN pg_catalog.pg_proc p ON p.oid = e.evtfoid AND {_FOREIGN}
        WHERE e.evtenabled <> 'D' AND e.evtevent <> 'login') THEN 4 ELSE 0 END
    + (SELECT pg_catalog.sum((8 << (2 * a.at)) * CASE WHEN a.oid IS NULL THEN 3
           WHEN EXISTS (SELECT FROM unsafe u WHERE u.at = a.at AND NOT u.write) THEN 2
           WHEN EXISTS (SELECT FROM unsafe u WHERE u.at = a.at) THEN 1 ELSE 0 END) FROM asked a))::int)"""

# Planned with recursion, the query looks expensive enough to be compiled (jit_above_cost), which took 2.5 s where
# running it takes 3 ms. The setting of before comes back when the query runs, for it may be inside a transaction.
_UNCOMPILED = """SELECT pg_catalog.set_config('chakra.jit', pg_catalog.current_setting('jit'), true),
    pg_catalog.set_config('jit', 'off', true);
"""

# Functions named like the server's own, which a call of ours may mean where the types of its arguments fit better.
_SHADOWING = f"""SELECT p.proname::text FROM pg_catalog.pg_proc p WHERE {_FOREIGN} AND EXISTS (
        SELECT FROM pg_catalog.pg_proc b
        WHERE b.proname = p.proname AND b.pronamespace = 'pg_catalog'::regnamespace AND b.oid < {_OURS})"""

_MISSING, _UNSAFE, _UNSAFE_TO_WRITE = 3, 2, 1


class RelationFacts:
    """What is known of the relations of one database.

    Attributes:
        version: how often it was forgotten; what was asked before counts no more.
    """

    __slots__ = ("_known", "_shadowing", "_unsafe_ddl", "_unsafe_operators", "version")

    def __init__(self) -> None:
        self.version = 0
        self._known: dict[str, int] = {}
        self._shadowing: re.Pattern[str] | None = None
        self._unsafe_operators = self._unsafe_ddl = False

    def forget(self) -> None:
        """Forget everything: the catalog changed."""
        self._known.clear()
        self._shadowing = None
        self._unsafe_operators = self._unsafe_ddl = False
        self.version += 1

    def verdict(self, sql: str, touches: Sequence[Touch]) -> bool | None:
        """Whether a compiled statement leaves nothing behind; ``None`` = some of its relations must be asked for."""
        safe = True
        for name, written in touches:
            if (name, written) == TEMPORARY_TABLE:
                safe = safe and not self._unsafe_ddl
                continue
            found = self._known.get(name)
            if found is None:
                return None
            if found >= _UNSAFE or (written and found == _UNSAFE_TO_WRITE):
                safe = False
        if self._unsafe_operators or (self._shadowing is not None and self._shadowing.search(sql)):
            return False
        return safe

    async def ask(self, touches: Sequence[Touch], run: Run, fetch: Fetch) -> bool:
        """Look relations up; one round trip for up to three unknown ones. Returns ``False`` if one does not exist
        (yet), of which nothing is remembered.
        """
        version = self.version
        names = [name for name, _ in touches if name and name not in self._known]
        for first in range(0, len(names), _AT_ONCE):
            part = names[first : first + _AT_ONCE]
            tag = await run(facts_query(part))
            number = int(tag.rpartition(" ")[2])
            shadowing = None
            if number & 1:
                words = "|".join(re.escape(row[0]) for row in await fetch(_SHADOWING))
                shadowing = re.compile(rf"\b(?:{words})\b\"?\s*\(", re.IGNORECASE) if words else None
            if self.version != version:
                return False  # the catalog changed in the meantime: this statement is not vouched for
            self._shadowing = shadowing
            self._unsafe_operators, self._unsafe_ddl = bool(number & 2), bool(number & 4)
            number >>= 3
            for name in part:
                found = number & 3
                number >>= 2
                if found == _MISSING:
                    return False
                self._known[name] = found
        return True


def facts_query(names: Sequence[str]) -> str:
    """The query about relations, by quoted name. Its answer is its number of rows, which the command tag tells.

    The simple protocol takes one round trip where a prepared statement takes two the first time on a connection, and
    asyncpg hands on nothing of its answer but the tag. Bits: 1 functions named like the server's, 2 operators and
    casts between its types, 4 event triggers; from bit 8 on two for each relation: 1 writing is unsafe, 2 reading and
    writing, 3 there is none.
    """
    asked = ", ".join(
        f"({at}, pg_catalog.to_regclass({quote_string(name)}))" for at, name in enumerate(names)
    )
    # The names come last: nothing in them is taken for a place to fill in.
    return _UNCOMPILED + _QUERY.replace("SHADOWING", _SHADOWING).replace("ASKED", asked)


__all__ = ["MAX_STATEMENTS", "Fetch", "RelationFacts", "Run", "facts_query"]
