"""All that can be set from outside, read once from the environment.

A field `database_url` is set by `BACKSTORY_DATABASE_URL`. `docs/configuration.md` has a heading
for each, which a test keeps true.
"""

from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Literal, get_type_hints
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from app.errors import StartError

Positive = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(gt=0)]
Share = Annotated[float, Meta(ge=0, le=1)]

OPENINFER_VARIABLES = {"OPENINFER_BASE_URL": "engine_url", "OPENINFER_API_KEY": "engine_api_key"}


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Sizes are bytes, times are seconds unless the name says otherwise."""

    # Where
    data_dir: Path = Path("data")
    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8642
    workers: Positive = 1

    # Database; None means the embedded one
    database_url: str | None = None
    database_owner_url: str | None = None
    database_direct_url: str | None = None
    database_pool_max: Positive = 10
    database_acquire_timeout_seconds: Seconds = 5.0
    database_statement_timeout_seconds: Seconds = 30.0
    database_statement_cache: bool = True

    # Proxies whose X-Forwarded-For is believed: networks, with commas between
    trusted_proxies: str | None = None

    # Secrets; None means one made in the data directory
    secret_key: str | None = None

    # Engine; None means the local one
    engine_url: str | None = None
    engine_api_key: str | None = None
    engine_kind: Literal["responses", "chat", "local"] = "responses"
    engine_continuation: Literal["replay", "native"] = "replay"
    engine_connections_max: Positive = 2000
    engine_connect_timeout_seconds: Seconds = 5.0
    engine_first_byte_timeout_seconds: Seconds = 120.0
    engine_stall_timeout_seconds: Seconds = 60.0
    engine_stream_timeout_seconds: Seconds = 3600.0
    engine_event_bytes_max: Positive = 8 * 2**20
    response_bytes_max: Positive = 64 * 2**20
    engine_retries_max: Annotated[int, Meta(ge=0)] = 2
    engine_retry_share: Share = 0.2
    engine_retry_wait_seconds: Seconds = 0.1
    engine_retry_wait_seconds_max: Seconds = 2.0
    engine_breaker_failures_max: Positive = 10
    engine_breaker_open_seconds: Seconds = 5.0
    engine_context_tokens: Positive | None = None
    local_engine_threads: Positive = 1
    local_engine_context_tokens: Positive = 4096
    local_engine_slots: Positive = 2
    local_engine_url: str | None = None  # set by `serve`, for its workers

    # Embedder
    embedding_model: str = "all-MiniLM-L6-v2"
    embedder_threads: Positive = 2
    embedder_batch_max: Positive = 32
    embedder_timeout_seconds: Seconds = 30.0

    # Reranking; None means off
    rerank_model: str | None = None
    rerank_timeout_ms: Annotated[int, Meta(ge=1, le=10_000)] = 200
    rerank_candidates_max: Annotated[int, Meta(ge=2, le=50)] = 20

    # Settings
    setting_bytes_max: Positive = 65_536
    setting_depth_max: Annotated[int, Meta(ge=1, le=256)] = 32
    settings_max: Positive = 1_000
    setting_versions_max: Positive = 100

    # Limits of the API
    body_bytes_max: Positive = 16 * 2**20
    items_per_request_max: Positive = 10_000
    context_items_max: Positive = 20_000
    compact_keep_tokens: Positive = 8_000
    compact_summary_tokens: Positive = 2_000
    running_responses_max: Positive = 2_000
    list_limit_max: Positive = 100
    memories_per_request_max: Positive = 1_000
    stats_memories_max: Positive = 100_000
    memory_bytes_max: Positive = 64 * 2**10
    import_bytes_max: Positive = 8 * 2**30
    import_record_bytes_max: Positive = 16 * 2**20
    import_problems_max: Positive = 100
    recall_limit_max: Positive = 200
    recall_exact_max: Annotated[int, Meta(ge=0)] = 25_000
    vector_index_bytes_max: Positive = 2 * 2**30
    embeddings_per_request_max: Positive = 2048
    embedding_chars_max: Positive = 2_000_000
    image_bytes_max: Positive = 10 * 2**20
    image_pixels_max: Positive = 50_000_000
    images_per_request_max: Positive = 500
    context_image_bytes_max: Positive = 48 * 2**20
    image_memory_bytes_max: Positive = 256 * 2**20

    # What clients' URLs name, where a project has it fetched
    fetch_networks_allowed: str | None = None
    fetch_timeout_seconds: Seconds = 10.0

    # What keys and users may spend
    limit_lease_seconds: Seconds = 0.5
    limit_output_tokens: Positive = 1_000

    # Times
    principal_ttl_seconds: Seconds = 10.0
    settings_ttl_seconds: Seconds = 10.0
    idempotency_ttl_seconds: Seconds = 86_400.0
    commit_retry_seconds: Seconds = 10.0
    recall_timeout_seconds: Seconds = 2.0
    title_timeout_seconds: Seconds = 10.0
    compact_timeout_seconds: Seconds = 120.0
    request_flush_seconds: Seconds = 1.0
    drain_seconds: Seconds = 20.0
    running_visible_after_seconds: Seconds = 1.0
    segment_seconds: Seconds = 0.25
    worker_lease_seconds: Seconds = 10.0
    socket_seconds_max: Seconds = 3600.0
    cache_ttl_seconds: Seconds = 86_400.0

    # Background work
    outbox_poll_seconds: Seconds = 1.0
    outbox_lease_seconds: Seconds = 20.0
    outbox_attempts_max: Positive = 8
    request_buffer_max: Positive = 10_000
    memory_tend_seconds: Seconds = 60.0
    erasure_sweep_seconds: Seconds = 15.0
    memory_uses_flush_seconds: Seconds = 5.0

    # Projects and keys
    projects_max: Positive = 10_000
    keys_per_project_max: Positive = 1_000
    key_overlap_seconds_max: Seconds = 2_592_000.0
    key_uses_flush_seconds: Seconds = 30.0

    # Audit
    audit_retention_days: Positive = 365
    audit_addresses_max: Positive = 1_000
    audit_flush_seconds: Seconds = 1.0

    # Profiles and summaries
    profile_entries_max: Positive = 20
    profile_current_days: Positive = 90
    summary_tokens: Positive = 500
    summarize_timeout_seconds: Seconds = 120.0

    # Facts
    facts_wait_seconds: Seconds = 10.0
    facts_messages_max: Positive = 16
    facts_prompt_chars_max: Annotated[int, Meta(ge=1_000)] = 8_000
    facts_per_call_max: Positive = 24
    facts_output_tokens_max: Positive = 2_000
    facts_timeout_seconds: Seconds = 120.0
    facts_attempts_max: Positive = 4
    facts_calls_max: Positive = 1
    facts_request_messages_max: Positive = 10_000

    # Users who log in
    password_rounds: Positive = 3
    password_memory_bytes: Annotated[int, Meta(ge=2**16, le=2**32)] = 64 * 2**20
    password_threads: Positive = 2
    password_hashes_max: Positive = 100
    password_reset_seconds: Positive = 3_600
    password_reset_seconds_max: Positive = 604_800
    guesses_per_account: Positive = 5
    guesses_per_address: Positive = 20
    sign_ups_per_address: Positive = 10
    guess_wait_seconds: Seconds = 1.0
    guess_wait_seconds_max: Seconds = 900.0
    guess_memory_seconds: Seconds = 3_600.0
    sessions_per_user_max: Positive = 20
    refresh_grace_seconds: Annotated[float, Meta(ge=0)] = 10.0
    used_refresh_tokens_max: Positive = 1_000

    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @property
    def embedded_database(self) -> bool:
        return self.database_url is None

    @property
    def trusted_networks(self) -> list[IPv4Network | IPv6Network]:
        """Raises ValueError."""
        texts = (self.trusted_proxies or "").split(",")
        return [ip_network(text.strip()) for text in texts if text.strip()]

    @property
    def local_engine(self) -> bool:
        return self.engine_url is None


def read_config(environ: Mapping[str, str], **overrides: object) -> Config:
    """The Config that the environment says; overrides (command-line options) win over it.

    Raises StartError with a sentence that names the variable.
    """
    values: dict[str, object] = {}
    for name in Config.__struct_fields__:
        if text := environ.get(f"BACKSTORY_{name.upper()}"):
            values[name] = text
    if "engine_url" not in values:
        values.update(_openinfer(environ))
    if "engine_url" not in values and "engine_api_key" in values:
        raise StartError(
            "BACKSTORY_ENGINE_API_KEY is set, but not BACKSTORY_ENGINE_URL: "
            "set the engine's base URL, or unset the key to use the local engine."
        )
    if values.get("engine_kind") == "chat" and "engine_url" not in values:
        raise StartError(
            "BACKSTORY_ENGINE_KIND is chat, but BACKSTORY_ENGINE_URL is not set: "
            "set the engine's base URL, or unset the kind to use the local engine."
        )
    values.update({name: value for name, value in overrides.items() if value is not None})
    config = _convert(values)
    if config.engine_continuation == "native" and (
        config.local_engine or config.engine_kind != "responses"
    ):
        raise StartError(
            "BACKSTORY_ENGINE_CONTINUATION is native, but this engine keeps no responses: "
            "set it to replay, or name an engine with /v1/responses by BACKSTORY_ENGINE_URL."
        )
    _check_engine_url(config.engine_url)
    _check_proxies(config)
    return config


def _check_proxies(config: Config) -> None:
    try:
        config.trusted_networks  # noqa: B018
    except ValueError as error:
        raise StartError(f"BACKSTORY_TRUSTED_PROXIES is wrong: {error}.") from None


def _check_engine_url(url: str | None) -> None:
    if url is None:
        return
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise StartError("The engine's base URL must begin with http:// or https:// and a host.")


def environ_of(config: Config) -> dict[str, str]:
    """The variables that read_config makes the same Config of: how workers get it."""
    values = msgspec.structs.asdict(config)
    return {
        f"BACKSTORY_{name.upper()}": str(value)
        for name, value in values.items()
        if value is not None
    }


def _openinfer(environ: Mapping[str, str]) -> dict[str, object]:
    found = {
        field: environ[name] for name, field in OPENINFER_VARIABLES.items() if environ.get(name)
    }
    if "engine_api_key" in found and "engine_url" not in found:
        raise StartError(
            "OPENINFER_API_KEY is set, but not OPENINFER_BASE_URL: set it to the base URL "
            "of the inference API, or unset the key to use the local engine."
        )
    return dict(found)


def _convert(values: dict[str, object]) -> Config:
    hints = get_type_hints(Config, include_extras=True)
    converted: dict[str, object] = {}
    for name, value in values.items():
        if hints[name] is Path:
            converted[name] = Path(str(value))
            continue
        try:
            converted[name] = msgspec.convert(value, hints[name], strict=False)
        except msgspec.ValidationError as error:
            raise StartError(f"BACKSTORY_{name.upper()} is wrong: {error}.") from None
    return Config(**converted)  # type: ignore[arg-type]  # each was converted to its field's type
