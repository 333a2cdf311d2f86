"""Where all parts are put together: the application and its lifespan."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from typing import Any

from litestar import Litestar
from litestar.datastructures import State
from litestar.di import Provide

from app import health
from app.accounts import routes as accounts_routes
from app.accounts import users_routes
from app.accounts.parts import AccountParts
from app.accounts.passwords import open_passwords
from app.audit import routes as audit_routes
from app.audit.failures import open_failures
from app.blobs import routes as blobs_routes
from app.blobs.images import Images
from app.completions import routes as completions_routes
from app.config import Config
from app.contexts.seal import Seals
from app.contexts.windows import Windows
from app.conversations import items_routes
from app.conversations import routes as conversations_routes
from app.conversations.parts import ConversationParts
from app.conversations.title import TitleMaker
from app.db.database import check_role, open_database
from app.db.signals import open_signals
from app.docs import routes as docs_routes
from app.docs.openapi import openapi_config
from app.embeddings.models import Models, open_models
from app.embeddings.reranker import open_reranker
from app.engine.open import open_engine
from app.engine_keys import routes as engine_keys_routes
from app.engine_keys.keys import EngineKeys
from app.erasure import routes as erasure_routes
from app.erasure.at_engine import delete_handler
from app.erasure.forget_project import lease_seconds, project_handler
from app.erasure.sweep import open_sweeper
from app.errors import StartError
from app.facts import routes as facts_routes
from app.facts.ask import Asking
from app.facts.extract import FactMaker
from app.identity import keys_routes, projects_routes
from app.identity.administration import Administration
from app.identity.authenticate import Authenticator
from app.identity.key_uses import open_key_uses
from app.identity.users import Users
from app.jobs import routes as jobs_routes
from app.jobs.runner import open_job_runner
from app.limits import routes as limits_routes
from app.limits.change import Limiting
from app.limits.limiter import Limiter, tell_limits
from app.limits.prices import Prices
from app.limits.stock import open_stock
from app.log import set_up_log
from app.memory import routes as memory_routes
from app.memory.marks import Marks
from app.memory.readings import Readings
from app.memory.tend import open_tending
from app.memory.uses import open_uses
from app.memory.vectors.embed import JOBS_MAX, embed_handler
from app.memory.vectors.reembed import LEASE_SECONDS, reembed_handler
from app.outside.fetch import open_fetcher
from app.processes import DRAIN_SIGNAL
from app.recall import routes as recall_routes
from app.responses import context_routes, socket_routes
from app.responses import routes as responses_routes
from app.responses.abandoned import open_custodian
from app.responses.defaults import check_defaults
from app.responses.flights import Flights
from app.responses.leases import open_leases
from app.responses.parts import Keys, Parts
from app.responses.remember_turn import turn_handler
from app.responses.run import Runs
from app.responses.running import Running
from app.search import routes as search_routes
from app.settings import routes as settings_routes
from app.settings.change import Changing
from app.settings.origins import ProjectOrigins
from app.settings.read import SettingsReader
from app.summaries import routes as summaries_routes
from app.summaries.enqueue import Automatic
from app.summaries.jobs import ATTEMPTS_MAX, SPARE_SECONDS, summary_handler
from app.summaries.parts import SummaryParts
from app.summaries.summarise import ROUNDS_MAX
from app.transfer import routes as transfer_routes
from app.usage import routes as usage_routes
from app.usage.errands import Errands
from app.usage.record import observe, open_request_log
from app.vault import Vault, read_secret_key
from app.vectors import routes as vectors_routes
from app.web.cors import Preflights, let_pages_read
from app.web.errors import EXCEPTION_HANDLERS
from app.web.front import FrontDoor, add_request_id
from app.web.headers import add_security_headers
from app.web.paths import keep_slashes

ROUTES: list[Any] = [
    *health.ROUTES,
    *docs_routes.ROUTES,
    *responses_routes.ROUTES,
    *socket_routes.ROUTES,
    *completions_routes.ROUTES,
    *vectors_routes.ROUTES,
    *context_routes.ROUTES,
    *erasure_routes.ROUTES,
    *conversations_routes.ROUTES,
    *items_routes.ROUTES,
    *search_routes.ROUTES,
    *memory_routes.ROUTES,
    *transfer_routes.ROUTES,
    *recall_routes.ROUTES,
    *summaries_routes.ROUTES,
    *facts_routes.ROUTES,
    *blobs_routes.ROUTES,
    *accounts_routes.ROUTES,
    *users_routes.ROUTES,
    *usage_routes.ROUTES,
    *settings_routes.ROUTES,
    *engine_keys_routes.ROUTES,
    *limits_routes.ROUTES,
    *jobs_routes.ROUTES,
    *projects_routes.ROUTES,
    *keys_routes.ROUTES,
    *audit_routes.ROUTES,
]
PROVIDED = (
    "config",
    "database",
    "users",
    "breaker",
    "embedder",
    "reranker",
    "jobs",
    "marks",
    "uses",
    "settings",
    "changing",
    "engine_keys",
    "readings",
    "parts",
    "limiter",
    "limiting",
    "signing",
    "conversations",
    "summaries",
    "runs",
    "request_log",
    "waiting",
    "failures",
    "administration",
)
"""What handlers may ask for by name: set in the state by the lifespan."""


class App(Litestar):
    """Litestar looks for the route before any middleware is called."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        keep_slashes(scope)
        await super().__call__(scope, receive, send)


def create_app(config: Config) -> Litestar:
    """Raises StartError where the configuration is not enough to serve."""
    if config.database_url is None or config.secret_key is None:
        raise StartError(
            "BACKSTORY_DATABASE_URL and BACKSTORY_SECRET_KEY are needed; "
            "'backstory serve' makes both where there are none."
        )
    set_up_log(config.log_level)

    def lifespan(app: Litestar) -> AbstractAsyncContextManager[None]:
        return _lifespan(app, config)

    return App(
        route_handlers=ROUTES,
        lifespan=[lifespan],
        middleware=[Preflights(), FrontDoor()],
        before_send=[add_request_id, add_security_headers, tell_limits, observe, let_pages_read],
        exception_handlers=EXCEPTION_HANDLERS,
        dependencies={name: _from_state(name) for name in PROVIDED},
        request_max_body_size=config.body_bytes_max,
        openapi_config=openapi_config(),
    )


def _from_state(name: str) -> Provide:
    def get(state: State) -> Any:
        return state[name]

    return Provide(get, sync_to_thread=False)


@asynccontextmanager
async def _lifespan(app: Litestar, config: Config) -> AsyncIterator[None]:
    assert config.database_url is not None
    assert config.secret_key is not None
    vault = Vault(read_secret_key(config.secret_key))
    async with (
        open_database(config.database_url, config) as database,
        open_engine(config) as engine,
        open_models(database, config) as embedder,
        open_reranker(config) as reranker,
        open_fetcher(config) as fetcher,
        open_request_log(database, config) as request_log,
        open_job_runner(database, config) as jobs,
        open_signals(config) as signals,
        open_leases(database, signals, config) as leases,
        open_custodian(database, leases, vault.derive("contents"), config),
        open_stock(database, config) as stock,
        open_uses(database, config.memory_uses_flush_seconds) as uses,
        open_tending(database, config.memory_tend_seconds),
        open_failures(database, config) as failures,
        open_key_uses(database, config) as key_uses,
        open_passwords(config) as passwords,
    ):
        await check_role(database)
        engine_keys = EngineKeys(database, vault, config.principal_ttl_seconds)
        runs = Runs(config.running_responses_max)
        users = Users(database, config.principal_ttl_seconds)
        settings = SettingsReader(database, config.settings_ttl_seconds)
        parts = Parts(
            config=config,
            keys=_keys(vault),
            database=database,
            engine=engine,
            engine_keys=engine_keys,
            embedder=embedder,
            reranker=reranker,
            images=Images(database, config, settings, fetcher),
            users=users,
            settings=settings,
            limiter=Limiter(stock, settings, Prices(config.engine_url)),
            jobs=jobs,
            request_log=request_log,
            runs=runs,
            leases=leases,
            signals=signals,
            flights=Flights(),
            running=Running(),
            seals=Seals(vault),
            windows=Windows(engine, config.engine_context_tokens),
            marks=Marks(vault.derive("forgotten"), users),
            uses=uses,
        )
        readings = Readings(config, parts.settings)
        _serve_jobs(parts, embedder, readings)
        summaries = _summary_parts(parts)
        _serve_summaries(summaries)
        authenticator = Authenticator(database, config.principal_ttl_seconds, failures, key_uses)
        administration = Administration(config, database, authenticator)
        app.state.update(
            config=config,
            database=database,
            users=users,
            breaker=engine.breaker,
            embedder=embedder,
            reranker=reranker,
            jobs=jobs,
            marks=parts.marks,
            uses=uses,
            settings=parts.settings,
            engine_keys=engine_keys,
            changing=Changing(config, database, parts.settings, check_defaults),
            readings=readings,
            parts=parts,
            limiter=parts.limiter,
            signing=AccountParts(
                config=config,
                database=database,
                users=users,
                settings=parts.settings,
                passwords=passwords,
                authenticator=authenticator,
                failures=failures,
                guess_key=vault.derive("guesses"),
                refresh_key=vault.derive("refresh tokens"),
            ),
            conversations=ConversationParts(
                config, parts.keys.contents, database, users, parts.settings, parts.images, jobs
            ),
            summaries=summaries,
            runs=runs,
            request_log=request_log,
            waiting=health.BacklogReader(database),
            failures=failures,
            origins=ProjectOrigins(database, parts.settings, config.settings_ttl_seconds),
            administration=administration,
            limiting=Limiting(administration, users, parts.limiter),
            trusted_networks=config.trusted_networks,
            authenticate=authenticator,
        )
        with closing(_DrainOnSignal(runs, config.drain_seconds)):
            async with open_sweeper(parts):
                yield
        await runs.drain(config.drain_seconds)


def _keys(vault: Vault) -> Keys:
    names = Keys.__struct_fields__
    return Keys(*(vault.derive(name) for name in names))


def _serve_jobs(parts: Parts, models: Models, readings: Readings) -> None:
    config, database, jobs = parts.config, parts.database, parts.jobs
    errands = Errands(parts.engine, parts.request_log, parts.engine_keys)
    titles = TitleMaker(config, database, parts.settings, errands)
    remember = turn_handler(
        database,
        jobs,
        parts.marks,
        readings,
        Automatic(parts.settings),
        config.memory_bytes_max,
    )
    jobs.serve("remember_turn", remember)
    jobs.serve("embed_memories", embed_handler(database, models), jobs_max=JOBS_MAX)
    reembed = reembed_handler(database, models)
    jobs.serve("reembed", reembed, jobs_max=1, lease_seconds=LEASE_SECONDS)
    jobs.serve("title_conversation", titles.handler, jobs_max=1)
    jobs.serve("delete_at_engine", delete_handler(database, parts.engine, parts.engine_keys))
    jobs.serve(
        "forget_project",
        project_handler(parts),
        jobs_max=1,
        batches_max=1,
        lease_seconds=lease_seconds(config),
    )
    facts = FactMaker(
        config,
        database,
        parts.embedder,
        parts.settings,
        Asking(config, errands),
        jobs,
        parts.marks,
        parts.keys.facts,
    )
    jobs.serve(
        "extract_facts",
        facts.handler,
        jobs_max=1,
        batches_max=config.facts_calls_max,
        lease_seconds=facts.lease_seconds,
        attempts_max=config.facts_attempts_max,
    )


def _summary_parts(parts: Parts) -> SummaryParts:
    return SummaryParts(
        config=parts.config,
        database=parts.database,
        users=parts.users,
        settings=parts.settings,
        limiter=parts.limiter,
        jobs=parts.jobs,
        engine=parts.engine,
        engine_keys=parts.engine_keys,
        embedder=parts.embedder,
        windows=parts.windows,
        request_log=parts.request_log,
    )


def _serve_summaries(summaries: SummaryParts) -> None:
    summaries.jobs.serve(
        "summarize",
        summary_handler(summaries),
        jobs_max=1,
        lease_seconds=ROUNDS_MAX * summaries.config.summarize_timeout_seconds + SPARE_SECONDS,
        attempts_max=ATTEMPTS_MAX,
    )


class _DrainOnSignal:
    """Granian waits for streams to end by themselves: told by the signal, we see to it."""

    def __init__(self, runs: Runs, seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[None] | None = None
        self._loop.add_signal_handler(DRAIN_SIGNAL, self._drain, runs, seconds)

    def _drain(self, runs: Runs, seconds: float) -> None:
        self._task = asyncio.create_task(runs.drain(seconds))

    def close(self) -> None:
        self._loop.remove_signal_handler(DRAIN_SIGNAL)
