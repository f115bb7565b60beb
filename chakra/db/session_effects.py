"""What a statement may leave behind on its connection: a pure function of the SQL text, safe when in doubt.

``CLEAN`` is said only of statements whose every word is understood; anything else is ``SESSION`` and costs
one reset round trip when the connection is given back. Not seen from here: what triggers, views and default
expressions call. A trigger that runs ``set_config(..., false)`` needs ``db.acquire()`` around its callers.
"""

from __future__ import annotations

import enum
from functools import lru_cache

from chakra.pg import lexing


class Effect(enum.IntFlag):
    """What is different after the statement.

    Attributes:
        CLEAN: nothing on the session.
        SESSION: settings, locks, temporary objects, listeners: the connection must be reset.
        SCHEMA: the catalog: plans and types known to connections may be stale.
        EXTENSION: which extensions there are.
    """

    CLEAN = 0
    SESSION = 1
    SCHEMA = 2
    EXTENSION = 4


_QUERIES = frozenset({"select", "insert", "update", "delete", "merge", "values", "table", "with", "explain"})
_SCHEMA = frozenset({"create", "alter", "drop"})
_HARMLESS = frozenset(
    """
    analyze truncate vacuum reindex cluster refresh grant revoke comment show notify lock savepoint
    """.split()  # noqa: SIM905
)
# Code of others, which may do anything.
_OPAQUE = frozenset({"do", "call", "import", "execute"})
# SET of these ends with the transaction; outside one it does nothing.
_SET_LOCAL = frozenset({"local", "transaction", "constraints"})
_TEMPORARY = frozenset({"temp", "temporary", "pg_temp"})
# Session control inside an otherwise harmless statement: SELECT … INTO TEMP, EXPLAIN EXECUTE.
_FORBIDDEN = _TEMPORARY | {"execute"}
# Words that stand before an opening parenthesis without being a function call.
_NOT_A_CALL = frozenset(
    """
    all analyze and any array as asc between buffers by case check conflict costs cross cube default desc
    distinct do else end enum escape except exclude exists explain filter first following for foreign format
    from full generated group grouping having ilike in include inner insert intersect into is isnull join
    key last lateral left like limit list materialized natural no not notnull null nulls of offset on only
    or order ordinality outer over overriding partition preceding primary range recursive references
    returning right rollup row rows select set sets settings similar some storage symmetric tablesample then
    to union unique update using values verbose wal when where window with within without
    bit char character decimal dec float interval numeric nchar time timestamp timestamptz timetz varbit
    varchar varying vector halfvec sparsevec bpchar precision
    btree hash gist gin brin spgist hnsw ivfflat identity always stored virtual fillfactor
    """.split()  # noqa: SIM905
)
# The word after one of these names what the parenthesis describes: INSERT INTO t (a, b), REFERENCES t (id),
# WITH x (a) AS, FROM f AS x (a).
_NAME_FOLLOWS = frozenset(
    """
    into table references on exists index constraint schema type as with recursive
    """.split()  # noqa: SIM905
)

_HARMLESS_FUNCTIONS = frozenset(
    """
    abs acos asin atan atan2 cbrt ceil ceiling cos cot degrees div exp factorial floor gcd greatest lcm least
    ln log log10 min_scale mod pi power radians random round scale sign sin sqrt tan trim_scale trunc
    width_bucket isfinite isempty
    any_value array_agg avg bit_and bit_or bit_xor bool_and bool_or corr count covar_pop covar_samp every
    json_agg json_agg_strict json_object_agg jsonb_agg jsonb_agg_strict jsonb_object_agg max min mode
    percentile_cont percentile_disc range_agg range_intersect_agg regr_slope regr_intercept regr_r2 regr_count
    stddev stddev_pop stddev_samp string_agg sum var_pop var_samp variance xmlagg
    cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank row_number
    ascii bit_length btrim casefold char_length character_length chr concat concat_ws convert_from convert_to
    decode encode format initcap left length lower lpad ltrim md5 normalize octet_length overlay parse_ident
    position quote_ident quote_literal quote_nullable regexp_count regexp_instr regexp_like regexp_match
    regexp_matches regexp_replace regexp_split_to_array regexp_split_to_table regexp_substr repeat replace
    reverse right rpad rtrim sha224 sha256 sha384 sha512 split_part starts_with string_to_array
    string_to_table strpos substr substring to_ascii to_char to_date to_hex to_number to_timestamp translate
    trim unaccent unistr upper similarity word_similarity strict_word_similarity show_trgm levenshtein
    soundex metaphone
    age clock_timestamp current_date current_time current_timestamp date date_add date_bin date_part
    date_subtract date_trunc extract justify_days justify_hours justify_interval localtime localtimestamp
    make_date make_interval make_time make_timestamp make_timestamptz now overlaps statement_timestamp
    timeofday timezone transaction_timestamp
    coalesce nullif cast num_nonnulls num_nulls pg_typeof row xmlelement xmlforest xmlparse xmlserialize
    enum_first enum_last enum_range
    array_append array_cat array_dims array_fill array_length array_lower array_ndims array_position
    array_positions array_prepend array_remove array_replace array_reverse array_sample array_shuffle
    array_sort array_to_string array_upper cardinality trim_array unnest
    array_to_json json_array json_array_elements json_array_elements_text json_array_length
    json_build_array json_build_object json_each json_each_text json_extract_path json_extract_path_text
    json_object json_object_keys json_populate_record json_populate_recordset json_query json_scalar
    json_serialize json_strip_nulls json_to_record json_to_recordset json_typeof json_value json_exists
    json_table json jsonb_array_elements jsonb_array_elements_text jsonb_array_length jsonb_build_array
    jsonb_build_object jsonb_each jsonb_each_text jsonb_extract_path jsonb_extract_path_text jsonb_insert
    jsonb_object jsonb_object_keys jsonb_path_exists jsonb_path_match jsonb_path_query
    jsonb_path_query_array jsonb_path_query_first jsonb_populate_record jsonb_populate_recordset jsonb_pretty
    jsonb_set jsonb_set_lax jsonb_strip_nulls jsonb_to_record jsonb_to_recordset jsonb_typeof row_to_json
    to_json to_jsonb
    int4range int8range numrange tsrange tstzrange daterange int4multirange int8multirange nummultirange
    tsmultirange tstzmultirange datemultirange lower_inc lower_inf upper_inc upper_inf range_merge multirange
    abbrev broadcast family host hostmask inet_merge inet_same_family masklen netmask network set_masklen
    numnode plainto_tsquery phraseto_tsquery querytree setweight strip to_tsquery to_tsvector ts_delete
    ts_filter ts_headline ts_rank ts_rank_cd tsvector_to_array websearch_to_tsquery array_to_tsvector
    akeys avals delete each exist hstore hstore_to_json hstore_to_jsonb skeys slice svals
    cosine_distance inner_product l1_distance l2_distance l2_norm l2_normalize vector_dims vector_norm
    subvector binary_quantize
    area box center circle diagonal diameter height lseg path point polygon radius slope width
    bit_count get_bit get_byte set_bit set_byte crc32 crc32c
    gen_random_uuid uuidv4 uuidv7 uuid_extract_timestamp uuid_extract_version uuid_generate_v4
    currval lastval nextval setval pg_get_serial_sequence pg_sequence_last_value
    generate_series generate_subscripts grouping
    current_catalog current_database current_query current_role current_schema current_schemas
    current_setting current_user inet_client_addr inet_server_addr session_user version
    pg_backend_pid pg_blocking_pids pg_cancel_backend pg_is_in_recovery pg_postmaster_start_time pg_sleep
    pg_sleep_for pg_sleep_until pg_terminate_backend pg_notify pg_advisory_xact_lock
    pg_advisory_xact_lock_shared pg_try_advisory_xact_lock pg_try_advisory_xact_lock_shared
    pg_current_xact_id pg_current_xact_id_if_assigned pg_current_snapshot txid_current pg_export_snapshot
    pg_current_wal_lsn pg_column_size pg_database_size pg_indexes_size pg_relation_size pg_table_size
    pg_total_relation_size pg_size_pretty pg_size_bytes pg_relation_filenode pg_encoding_to_char
    pg_get_constraintdef pg_get_expr pg_get_indexdef pg_get_viewdef pg_get_functiondef pg_get_triggerdef
    pg_get_userbyid pg_get_keywords pg_describe_object pg_table_is_visible pg_type_is_visible
    pg_function_is_visible col_description obj_description shobj_description format_type
    to_regclass to_regtype to_regproc to_regnamespace to_regrole has_table_privilege has_column_privilege
    has_schema_privilege has_database_privilege has_function_privilege row_security_active
    isnull notnull
    """.split()  # noqa: SIM905
)


@lru_cache(maxsize=2048)
def effects_of(sql: str) -> Effect:
    """Return what running ``sql`` (one statement or several) may change on its session."""
    effect = Effect.CLEAN
    words: list[str] = []
    for token in (*_tokens(sql), ";"):
        if token != ";":
            words.append(token)
        elif words:
            effect |= _statement_effects(words)
            words = []
    return effect


def _statement_effects(words: list[str]) -> Effect:
    first = words[0]
    while first == "(" and len(words) > 1:  # (SELECT …) UNION (SELECT …)
        words = words[1:]
        first = words[0]
    if first in _SCHEMA:
        if not _TEMPORARY.isdisjoint(words):
            return Effect.SESSION
        effect = Effect.SCHEMA
        if "extension" in words[1:2]:  # runs a script, under settings of its own
            return effect | Effect.SESSION | Effect.EXTENSION
    elif first in _QUERIES or first in _HARMLESS:
        effect = Effect.SCHEMA if first in ("select", "with") and "into" in words else Effect.CLEAN
        if "insert" in words or "merge" in words:
            effect = Effect.CLEAN  # that was INSERT INTO behind a WITH
    elif first == "set" and not _SET_LOCAL.isdisjoint(words[1:2]):
        return Effect.CLEAN
    else:
        return Effect.SESSION | (Effect.SCHEMA if first in _OPAQUE else Effect.CLEAN)
    if not _FORBIDDEN.isdisjoint(words):
        return effect | Effect.SESSION
    for at, word in enumerate(words):
        if word == "(" and at and _calls_unknown(words, at):
            return effect | Effect.SESSION
    return effect


def _calls_unknown(words: list[str], opening: int) -> bool:
    """Whether the parenthesis at ``opening`` belongs to the call of a function not known to be harmless."""
    name = words[opening - 1]
    if not (name[0] == '"' or name[0].isalpha() or name[0] == "_"):
        return False
    start = opening - 1
    schema = ""
    while start >= 2 and words[start - 1] == ".":
        schema, start = words[start - 2], start - 2
    before = words[start - 1] if start else ""
    if before in _NAME_FOLLOWS or (before == "only" and start >= 2):
        return False
    if schema not in ("", "pg_catalog"):
        return True
    return name.strip('"') not in _HARMLESS_FUNCTIONS and name not in _NOT_A_CALL


def _tokens(sql: str) -> list[str]:
    """The statement's words (lower case), quoted identifiers and punctuation; no comments, no constants."""
    found: list[str] = []
    for kind, text in lexing.tokens(sql):
        if kind == "word":
            found.append(text.lower())
        elif kind == "quoted":
            found.append(text if text[0] == '"' else '"?"')
        elif kind == "other":
            found.append(text)
        elif kind not in ("space", "comment"):
            found.append("0")
    return found


__all__ = ["Effect", "effects_of"]
