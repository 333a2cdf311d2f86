"""Transactions that cross: two that write about the same rows at once, of which one is refused."""

import asyncpg
import stamina

ATTEMPTS = 5

CROSSED = (asyncpg.ForeignKeyViolationError, asyncpg.DeadlockDetectedError)
"""How Postgres refuses it; the next try sees what the other did."""

again_if_crossed = stamina.retry(on=CROSSED, attempts=ATTEMPTS, wait_initial=0.05)
"""For a function that is one transaction."""
