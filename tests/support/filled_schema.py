"""The schema with made-up rows in every tenant table: enough that the planner has a choice."""

from app.db.sql import Connection

PROJECTS = 3
ROWS = 3_000

CONSTRAINTS = """
    SELECT conrelid::regclass::text AS owner, conname AS name
    FROM pg_constraint
    WHERE contype IN ('c', 'f') AND connamespace = 'public'::regnamespace AND coninhcount = 0
"""
COLUMNS = """
    SELECT c.relname AS tenant, a.attname AS name, format_type(a.atttypid, NULL) AS type
    FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
      AND NOT c.relispartition AND c.relname NOT IN ('schema_migrations', 'embedding_models')
      AND a.attgenerated = ''
    ORDER BY c.relname, a.attnum
"""
VALUES = {
    "uuid": "gen_random_uuid()",
    "text": "md5(n::text)",
    "bytea": "sha256(n::text::bytea)",
    "json": "'{}'",
    "jsonb": "'{}'",
    "halfvec": "'[1,2,3]'",
    "boolean": "true",
    "date": "now()::date - n",
    "timestamp with time zone": "now() - make_interval(secs => n)",
    "text[]": "'{}'",
    "uuid[]": "'{}'",
}


async def fill(superuser: Connection, rows: int = ROWS) -> None:
    """In a database of its own: the rules that rows must keep are taken away first."""
    for constraint in await superuser.fetch(CONSTRAINTS):
        await superuser.execute(
            f"ALTER TABLE {constraint['owner']} DROP CONSTRAINT {constraint['name']}"
        )
    columns: dict[str, list[tuple[str, str]]] = {}
    for column in await superuser.fetch(COLUMNS):
        value = VALUES.get(column["type"], "n % 1000")
        if column["name"] == "project_id":
            value = f"lpad((n % {PROJECTS})::text, 32, '0')::uuid"
        columns.setdefault(column["tenant"], []).append((column["name"], value))
    for tenant, pairs in columns.items():
        names, values = zip(*pairs, strict=True)
        await superuser.execute(
            f"INSERT INTO {tenant} ({', '.join(names)}) SELECT {', '.join(values)} "
            f"FROM generate_series(1, {rows}) AS n ON CONFLICT DO NOTHING"
        )
    await superuser.execute("ANALYZE")
