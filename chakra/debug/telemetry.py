"""OpenTelemetry: a span and a measurement for each statement, the figures of pools, and traces behind statements.

Names are those of the semantic conventions for databases, stable since 1.33
(https://opentelemetry.io/docs/specs/semconv/database/). Of the libraries only the API is needed
(``pip install "chakra-orm[telemetry]"``); without an SDK it does nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from opentelemetry import metrics, trace
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from chakra.db.hooks import QueryEvent, databases, everywhere
from chakra.debug.call_site import call_site
from chakra.debug.shown import shape_of
from chakra.debug.tags import tagging
from chakra.pg.lexing import tokens
from chakra.pg.showing import shown

NAME: Final = "chakra"

# Of the conventions: seconds from 1 ms on.
BUCKETS: Final = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0)

_WORDS = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "VALUES", "TABLE"})
_KEY: Final = "chakra.debug.telemetry"


def instrument(
    database: Any = None,
    *,
    tracer_provider: trace.TracerProvider | None = None,
    meter_provider: metrics.MeterProvider | None = None,
    sqlcommenter: bool = False,
    transactions: bool = False,
) -> Callable[[], None]:
    """Tell OpenTelemetry of the statements of a database, or of all of them.

    Args:
        database: left out, all databases of this process, those that are connected later included.
        tracer_provider, meter_provider: in place of the global ones.
        sqlcommenter: write tags and, for traces that are recorded, ``traceparent`` behind the statements; see
            ``chakra.debug.tags``.
        transactions: spans of BEGIN, COMMIT and savepoints, too.

    Returns:
        What takes it back.
    """
    watch = _Watch(
        trace.get_tracer(NAME, tracer_provider=tracer_provider),
        metrics.get_meter(NAME, meter_provider=meter_provider),
        transactions,
        lambda: databases() if database is None else [database],
    )
    add = everywhere if database is None else database.hooks.add
    removes = [add(watch.note)]
    if sqlcommenter:
        removes.append(add(tagging(_recorded)))

    def remove() -> None:
        watch.over = True
        for each in removes:
            each()

    return remove


def _recorded() -> Mapping[str, str]:
    """``traceparent`` and ``tracestate`` of the running span, if it is recorded."""
    if not trace.get_current_span().get_span_context().trace_flags.sampled:
        return {}
    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier


class _Watch:
    """The hook, with its instruments."""

    def __init__(
        self, tracer: trace.Tracer, meter: metrics.Meter, transactions: bool, found: Callable[[], list[Any]]
    ) -> None:
        self.tracer = tracer
        self.transactions = transactions
        self.databases = found
        self.over = False
        self.duration = meter.create_histogram(
            "db.client.operation.duration",
            unit="s",
            description="Duration of database client operations.",
            explicit_bucket_boundaries_advisory=BUCKETS,
        )
        self.rows = meter.create_histogram(
            "db.client.response.returned_rows", unit="{row}", description="Rows returned by a statement."
        )
        for name, unit, description, of in (
            ("count", "connection", "Connections in the pool, by state.", _by_state),
            ("max", "connection", "Connections the pool may open.", _most),
            ("idle.min", "connection", "Connections that are kept open.", _least),
            ("pending_requests", "request", "Who waits for a connection.", _waiting),
        ):
            meter.create_observable_up_down_counter(
                f"db.client.connection.{name}", [self._observed(of)], f"{{{unit}}}", description
            )

    def _observed(self, of: Callable[[Any], list[tuple[int, dict[str, str]]]]) -> Any:
        def observe(_: metrics.CallbackOptions) -> Iterator[metrics.Observation]:
            for database in () if self.over else self.databases():
                name = {"db.client.connection.pool.name": _pool_name(database)}
                for value, more in of(database.pool):
                    yield metrics.Observation(value, {**name, **more})

        return observe

    def note(self, event: QueryEvent) -> None:
        if event.statement.author == "chakra" and not (self.transactions and event.kind == "transaction"):
            return
        if event.phase == "before":
            event.context[_KEY] = self._begin(event)
            return
        found = event.context.pop(_KEY, None)
        if found is not None:
            self._end(event, *found)

    def _begin(self, event: QueryEvent) -> tuple[trace.Span, dict[str, Any]]:
        operation, collection = _summary(event)
        known: dict[str, Any] = {
            "db.system.name": "postgresql",
            "db.operation.name": operation,
            **_place(event.chain.database),
        }
        if collection:
            known["db.collection.name"] = collection
        name = f"{operation} {collection}" if collection else operation
        span = self.tracer.start_span(name, kind=SpanKind.CLIENT, attributes=known)
        if span.is_recording():
            span.set_attribute("db.query.text", shape_of(event.sql) if event.sent is None else event.sent)
            span.set_attribute("db.query.summary", name)
            site = call_site()
            if site is not None:
                span.set_attribute("code.file.path", site.file)
                span.set_attribute("code.line.number", site.line)
                span.set_attribute("code.function.name", site.function)
            if isinstance(event.values, list | tuple) and event.kind != "executemany":
                for number, value in enumerate(event.values, 1):
                    span.set_attribute(f"db.query.parameter.{number}", shown(value))
        return span, known

    def _end(self, event: QueryEvent, span: trace.Span, known: dict[str, Any]) -> None:
        failed = {}
        if event.error is not None:
            failed["error.type"] = type(event.error).__qualname__
            if state := getattr(event.error, "sqlstate", ""):
                failed["db.response.status_code"] = state
        if span.is_recording():
            span.set_attributes(failed)
            if failed:  # no text: it is for whoever ran the statement
                span.set_status(Status(StatusCode.ERROR))
            if event.rows is not None and event.error is None:
                span.set_attribute("db.response.returned_rows", event.rows)
            if event.bytes is not None:
                span.set_attribute("chakra.copy.bytes", event.bytes)
            if event.first is not None:
                span.set_attribute("chakra.first_row.duration", event.first)
        context = trace.set_span_in_context(span)
        span.end()
        self.duration.record(event.duration, {**known, **failed}, context)
        if event.rows is not None and event.error is None:
            self.rows.record(event.rows, known, context)


def _by_state(pool: Any) -> list[tuple[int, dict[str, str]]]:
    figures = pool.figures
    state = "db.client.connection.state"
    return [(figures.idle, {state: "idle"}), (figures.size - figures.idle, {state: "used"})]


def _most(pool: Any) -> list[tuple[int, dict[str, str]]]:
    return [(pool.settings.max_connections, {})]


def _least(pool: Any) -> list[tuple[int, dict[str, str]]]:
    return [(pool.settings.min_connections, {})]


def _waiting(pool: Any) -> list[tuple[int, dict[str, str]]]:
    return [(pool.figures.waiting, {})]


def _pool_name(database: Any) -> str:
    return str(database.address.where)


def _place(database: Any) -> dict[str, Any]:
    """Where a database is."""
    if database is None:
        return {}
    place: dict[str, Any] = {"db.namespace": database.name}
    hosts, ports = (database.address.arguments.get(name) for name in ("host", "port"))
    if hosts:  # of several it is not known here which one it is
        place["server.address"] = ",".join(hosts)
        if ports and len(hosts) == 1 and not hosts[0].startswith("/"):
            place["server.port"] = ports[0]
    return place


def _summary(event: QueryEvent) -> tuple[str, str]:
    """What a statement does, and to which table, if it is one alone."""
    touches = event.statement.touches or ()
    names = {name for name, _ in touches if name}
    collection = _plain(next(iter(names))) if len(names) == 1 else ""
    if event.kind in ("copy_out", "copy_in"):
        return "COPY", collection
    return _operation(event.sql), collection


def _plain(quoted: str) -> str:
    return "".join(text[1:-1] if kind == "quoted" else text for kind, text in tokens(quoted))


@lru_cache(maxsize=1024)
def _operation(sql: str) -> str:
    """The word a statement is known by: behind WITH, the one of what comes after it."""
    first, depth = "", 0
    for kind, text in tokens(sql):
        if text in ("(", ")"):
            depth += 1 if text == "(" else -1
        elif kind == "word" and not depth:
            word = text.upper()
            if not first and word != "WITH":
                return word
            if word in _WORDS:
                return word
            first = first or word
    return first or "EMPTY"


__all__ = ["BUCKETS", "instrument"]
