"""The table of rendering: which function writes the nodes of a class. A node that is not here is no SQL."""

from __future__ import annotations

from chakra.expressions import (
    ArrayOf,
    Call,
    Case,
    Cast,
    Coalesce,
    Collate,
    Combined,
    Func,
    Greatest,
    IsTrue,
    Least,
    Lookup,
    Not,
    NullIf,
    Operation,
    Prefixed,
    Slot,
)
from chakra.expressions.aggregates import Aggregate, Star
from chakra.expressions.grouping import GroupingSets
from chakra.expressions.library.fulltext import SearchQuery
from chakra.expressions.rows import Row
from chakra.expressions.windows import Over, Window
from chakra.sql.elements import Element, Elements
from chakra.sql.nodes import (
    Behind,
    FirstPartner,
    GroupKey,
    HasPartner,
    InnerArray,
    InnerExists,
    InnerQuery,
    KeyRef,
    OutputName,
    PartnerAggregate,
    Rank,
    Record,
    Reference,
    RowRange,
    RowsInFrom,
    Withs,
)
from chakra.sql.render import (
    aggregates,
    calls,
    choices,
    ctes,
    functions,
    inner,
    keys,
    lookups,
    nested,
    nodes,
    partners,
    rows,
)
from chakra.sql.render.base import Renderer
from chakra.sql.resolve import NestedRows
from chakra.sql.sources import ColumnRef

TABLE: dict[type, Renderer] = {
    # values
    ColumnRef: nodes.column,
    KeyRef: keys.key,
    Slot: nodes.slot,
    Operation: nodes.operation,
    Prefixed: nodes.prefixed,
    Case: choices.case,
    Coalesce: choices.one_of,
    Greatest: choices.one_of,
    Least: choices.one_of,
    NullIf: choices.one_of,
    ArrayOf: choices.array_of,
    Cast: choices.cast,
    Collate: choices.collate,
    OutputName: nodes.output_name,
    Row: rows.row,
    Record: nested.record,
    NestedRows: nested.nested_rows,
    # conditions
    IsTrue: nodes.is_true,
    Combined: nodes.combined,
    Not: inner.denied,
    Lookup: lookups.lookup,
    Elements: lookups.elements,
    Element: lookups.element,
    RowRange: nodes.row_range,
    HasPartner: partners.has_partner,
    # queries
    InnerQuery: inner.inner_query,
    InnerArray: inner.inner_array,
    InnerExists: inner.inner_exists,
    Behind: nested.behind,
    Reference: ctes.reference,
    RowsInFrom: ctes.rows_in_from,
    Withs: ctes.withs,
    # functions
    Func: functions.function,
    Call: calls.call,
    SearchQuery: calls.call,
    Rank: functions.rank,
    Window: functions.window,
    Over: functions.over,
    PartnerAggregate: partners.partner_aggregate,
    FirstPartner: partners.first_partner,
    Aggregate: aggregates.aggregate,
    Star: aggregates.star,
    GroupingSets: aggregates.grouping_sets,
    GroupKey: aggregates.group_key,
}

__all__ = ["TABLE"]
