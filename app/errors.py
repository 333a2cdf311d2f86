"""Every error that Backstory raises on purpose.

BackstoryError
├── InvalidRequest            400  the request cannot be understood or is not allowed
│   ├── BodyTimeout           408  the rest of the body does not come
│   ├── PreviousResponseNotFound   previous_response_id names nothing that can be continued
│   ├── ConversationNotFound  404  conversation names nothing that can be continued
│   └── ItemNotFound          404  an item_reference names nothing that is stored
├── Unauthenticated           401  no key, or one that is not known
├── Forbidden                 403  a known key that may not do this
├── NotFound                  404  an id that names nothing here
├── Conflict                  409  the state of things does not allow it
├── PreconditionFailed        412  If-Match names another version than there is
├── TooLarge                  413  a body or a list above its limit
├── UnsupportedMediaType  415  a body of a type that this route does not take
├── IdempotencyMismatch       422  an Idempotency-Key used again with another body
├── TooManyRequests           429  a rate or a queue is full
│   ├── RequestsPerMinuteExceeded  a key or a user has asked too often
│   ├── TokensPerMinuteExceeded    a key or a user has spent too much at once
│   └── QuotaExceeded              a key or a user has spent a budget
├── Unavailable               503  the database cannot be reached now
│   ├── StatementTimeout           the database is there, but this took it too long
│   └── EmbedderUnavailable        the embedder is not loaded, full, or gone
├── EmbeddingFailed           500  the embedder cannot make vectors of these texts
├── OnlyIfCached              504  only-if-cached was asked, and nothing is cached
├── StartError                     the service cannot start; the message says what to do
└── EngineError                    the engine failed; the status follows from how
    ├── EngineUnreachable     502  no connection, or it broke before the first byte
    ├── EngineAuthFailed      502  the engine refused our key (its 401 or 403)
    ├── EngineRefused          as the engine said: it called the request itself wrong
    ├── EngineOverloaded      429  the engine is rate limited; its Retry-After is passed on
    ├── EngineBroken          502  it broke off, or sent something that is not its protocol
    │   └── EngineFailed           it answered 5xx, or broke off before the first byte
    ├── ResponseTooLarge      502  it says more than is kept of one response
    ├── EngineTimeout         504  it did not go on in time
    │   └── EngineSilent           it sent not one byte in time
    └── EngineUnavailable     503  it failed so often that it is not asked for some seconds

`web/errors.py` is the only place that knows what these look like on the wire.
"""

from collections.abc import Mapping
from typing import ClassVar


class BackstoryError(Exception):
    """What went wrong, said to the one who asked. Never holds a secret."""

    status: int = 500
    type: ClassVar[str] = "server_error"
    code: str | None = "internal_error"

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.headers = dict(headers or {})
        if code is not None:
            self.code = code


class InvalidRequest(BackstoryError):
    status = 400
    type = "invalid_request_error"
    code = "invalid_request"


class BodyTimeout(InvalidRequest):
    status = 408
    code = "request_timeout"


class PreviousResponseNotFound(InvalidRequest):
    code = "previous_response_not_found"

    def __init__(self, response_id: str) -> None:
        super().__init__(
            f"Previous response with id '{response_id}' not found.", param="previous_response_id"
        )


class ConversationNotFound(InvalidRequest):
    status = 404
    code = "conversation_not_found"

    def __init__(self, conversation_id: str) -> None:
        super().__init__(
            f"Conversation with id '{conversation_id}' not found.", param="conversation"
        )


class ItemNotFound(InvalidRequest):
    status = 404
    code = "item_not_found"

    def __init__(self, item_id: str) -> None:
        super().__init__(f"Item with id '{item_id}' not found.", param="input")


class Unauthenticated(BackstoryError):
    status = 401
    type = "invalid_request_error"
    code = "invalid_api_key"


class Forbidden(BackstoryError):
    status = 403
    type = "invalid_request_error"
    code = "insufficient_permissions"


class NotFound(BackstoryError):
    status = 404
    type = "invalid_request_error"
    code = "not_found"


class Conflict(BackstoryError):
    status = 409
    type = "invalid_request_error"
    code = "conflict"


class PreconditionFailed(BackstoryError):
    status = 412
    type = "invalid_request_error"
    code = "precondition_failed"


class TooLarge(BackstoryError):
    status = 413
    type = "invalid_request_error"
    code = "request_too_large"


class UnsupportedMediaType(BackstoryError):
    status = 415
    type = "invalid_request_error"
    code = "unsupported_media_type"


class IdempotencyMismatch(BackstoryError):
    status = 422
    type = "invalid_request_error"
    code = "idempotency_key_reused"


class TooManyRequests(BackstoryError):
    status = 429
    type = "rate_limit_error"
    code = "rate_limit_exceeded"


class RequestsPerMinuteExceeded(TooManyRequests):
    type = "requests"


class TokensPerMinuteExceeded(TooManyRequests):
    type = "tokens"


class QuotaExceeded(TooManyRequests):
    type = "insufficient_quota"
    code = "insufficient_quota"


class Unavailable(BackstoryError):
    """The database is away; the client is told when to try again."""

    status = 503
    code = "storage_unavailable"

    def __init__(
        self, message: str = "The storage is not available now.", *, retry_after_seconds: int = 1
    ) -> None:
        super().__init__(message, headers={"Retry-After": str(retry_after_seconds)})


class StatementTimeout(Unavailable):
    """The database is there, but a statement was cut off: it may be cut off each time."""


class EmbedderUnavailable(Unavailable):
    code = "embedder_unavailable"


class EmbeddingFailed(BackstoryError):
    """The embedder is there, but cannot embed these texts: it may fail each time."""

    code = "embedding_failed"


class OnlyIfCached(BackstoryError):
    status = 504
    type = "invalid_request_error"
    code = "not_cached"


class StartError(BackstoryError):
    """The service cannot start. The message is one sentence that says what to do."""

    code = "start_failed"


class EngineError(BackstoryError):
    status = 502
    code = "engine_error"


class EngineUnreachable(EngineError):
    code = "engine_unreachable"


class EngineAuthFailed(EngineError):
    code = "engine_auth_failed"


class EngineRefused(EngineError):
    """The engine called the request wrong: its own status (4xx), code and param are kept."""

    type = "invalid_request_error"
    code = "engine_refused"

    def __init__(
        self, message: str, *, status: int, param: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(message, param=param, code=code)
        self.status = status


class EngineOverloaded(EngineError):
    status = 429
    type = "rate_limit_error"
    code = "rate_limit_exceeded"


class EngineBroken(EngineError):
    code = "engine_broken"


class EngineFailed(EngineBroken):
    """Nothing of an answer has come, so that another try may succeed."""


class ResponseTooLarge(EngineError):
    code = "response_too_large"

    def __init__(self, bytes_max: int) -> None:
        super().__init__(f"The response is larger than the {bytes_max} bytes that are kept of one.")


class EngineTimeout(EngineError):
    status = 504
    code = "engine_timeout"


class EngineSilent(EngineTimeout):
    """Nothing of an answer has come, and another try would only give a slow engine more to do."""


class EngineUnavailable(EngineError):
    status = 503
    code = "engine_unavailable"

    def __init__(self, *, retry_after_seconds: int) -> None:
        super().__init__(
            "The engine failed several times in a row: it is asked again in a moment.",
            headers={"Retry-After": str(retry_after_seconds)},
        )
