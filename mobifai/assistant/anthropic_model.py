"""The client of a model behind Anthropic's Messages API, which uses Anthropic's package `anthropic`.

Owns the package's client and its connections for one conversation. Redirects are not followed, because their targets
would receive the key. The size of replies is limited while they arrive, and only the given key is used. The package
decides what is retried and when. A reply is read within an attempt, so a truncated reply counts as a failed attempt.

Importing this module imports `anthropic`, which takes two seconds and 70 MB. So `models` imports it on first use.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing
from types import TracebackType
from typing import Any, cast

import anthropic
import httpx2

from mobifai.assistant import api_response as replies
from mobifai.assistant.config import KEY_VARIABLE, AssistantConfig
from mobifai.assistant.model import ModelRequest, ModelResponse, NotifyUser
from mobifai.assistant.model_url import check_model_url, is_plain
from mobifai.bounds import Bound, Ledger
from mobifai.errors import AssistantError, ConfigError
from mobifai.limits import ASSISTANT_ANSWER, ASSISTANT_REPLY
from mobifai.protocol.plain_text import one_line

CLOSE_SECONDS = 2.0
"""How many seconds connections may take to close before they are dropped. The agent has 5 s to stop in all."""

URL_VARIABLE = "ANTHROPIC_BASE_URL"
"""The environment variable with the API's address, used if the settings name none. It is checked like an address in the
settings."""

DEFAULT_URL = "https://api.anthropic.com"

_RETRIED = (408, 409, 429)
_PASSING = ("overloaded_error", "rate_limit_error", "api_error", "timeout_error")
"""The types of errors within a stream that a retry may resolve."""


class AnthropicModel:
    """A client of Anthropic's API for one conversation. Leaving its `async with` closes its connections."""

    def __init__(self, config: AssistantConfig, key: str, ledger: Ledger) -> None:
        self.secret = key
        self._config = config
        self._ledger = ledger
        self._scope = AsyncExitStack()

    async def __aenter__(self) -> "AnthropicModel":
        self._reply = self._scope.enter_context(self._ledger.bound(ASSISTANT_REPLY))
        self._answer = self._scope.enter_context(self._ledger.bound(ASSISTANT_ANSWER))
        self._client = await self._scope.enter_async_context(self._make_client())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._scope.aclose()

    def _make_client(self) -> anthropic.AsyncAnthropic:
        config = self._config
        url = config.base_url or os.environ.get(URL_VARIABLE) or DEFAULT_URL
        try:
            check_model_url(url)
        except ConfigError as error:
            raise AssistantError(f"{URL_VARIABLE}: {error}") from None
        timeout = anthropic.Timeout(config.read_seconds, connect=config.connect_seconds)
        hooks: Any = {"response": [self._limit]}
        if is_plain(url):  # without proxies of the environment, which would see the unencrypted key
            http = httpx2.AsyncClient(timeout=timeout, trust_env=False, event_hooks=hooks)
        else:
            http = anthropic.DefaultAsyncHttpxClient(timeout=timeout, follow_redirects=False, event_hooks=hooks)
        return anthropic.AsyncAnthropic(
            api_key=self.secret,
            base_url=url,
            timeout=timeout,
            max_retries=config.retries,
            http_client=http,
            middleware=[self._attempt],
            default_headers={"Accept-Encoding": "identity"},  # so that the bound applies to the decoded size
            open_telemetry=False,
        )

    async def _limit(self, response: httpx2.Response) -> None:
        if response.headers.get("content-encoding", "identity") != "identity":
            raise AssistantError("the model's API sent a compressed answer, although it was asked not to")
        response.stream = _Limited(cast(httpx2.AsyncByteStream, response.stream), self._reply)

    async def answer(self, question: ModelRequest, notice: NotifyUser) -> ModelResponse:
        """Return the model's answer to a question. Raises AssistantError.

        `notice` is called with a text for the user before each retry.
        """
        seconds = self._config.answer_seconds
        self._notice, self._deadline = notice, asyncio.get_running_loop().time() + seconds
        try:
            async with asyncio.timeout(seconds):
                return await self._ask(question)
        except TimeoutError:
            raise AssistantError(f"the model did not answer within {seconds:g} s; try again later") from None
        except anthropic.AnthropicError as error:
            raise AssistantError(self._explain(error)) from None
        finally:
            self._notice = _ignore

    async def _ask(self, question: ModelRequest) -> ModelResponse:
        create: Any = self._client.messages.create
        answer = await create(
            model=self._config.model,
            max_tokens=self._config.max_tokens,
            system=question.system,
            messages=question.messages,
            tools=question.tools,
            tool_choice={"type": "auto", "disable_parallel_tool_use": True},
            cache_control={"type": "ephemeral"},
            stream=self._config.stream,
        )
        return cast(ModelResponse, answer)  # the middleware has converted it

    # -- one attempt (middleware of the client)

    async def _attempt(self, request: anthropic.APIRequest, call_next: anthropic.AsyncCallNext) -> Any:
        """Send one request and read its reply. After a failure that leads to a retry, notify the user."""
        last = request.retries_taken >= self._config.retries
        try:
            response = await call_next(request)
            if response.http_response.is_success:
                return await self._read(response.http_response)
        except (anthropic.APIConnectionError, anthropic.RetryableError) as error:
            if isinstance(error.__cause__, AssistantError):  # ours, wrapped by the client
                raise error.__cause__ from None
            self._tell(self._explain(error), request, last)
            raise
        if _is_retried(response.http_response) and not last:
            self._check_wait(response.http_response)
            self._tell(_in_words(response.http_response.status_code), request, last)
        return response

    def _tell(self, why: str, request: anthropic.APIRequest, last: bool) -> None:
        if not last:
            self._notice(f"{why}; asking again (retry {request.retries_taken + 1} of {self._config.retries})")

    def _check_wait(self, response: httpx2.Response) -> None:
        """Raise AssistantError if the API requests a wait that is longer than the time left for the answer.

        Without this check, `anthropic` would wait as long as requested.
        """
        seconds = _wait_wanted(response)
        if seconds > self._deadline - asyncio.get_running_loop().time():
            words = _in_words(response.status_code)
            raise AssistantError(f"{words}, and asks to wait {seconds:.0f} s; try again after that")

    async def _read(self, response: httpx2.Response) -> ModelResponse:
        if not self._config.stream:
            return replies.whole(response.content, self._answer)
        try:
            return await self._read_stream(response)
        except httpx2.TimeoutException:
            raise anthropic.APITimeoutError(response.request) from None
        except (httpx2.TransportError, httpx2.StreamError) as error:
            raise anthropic.APIConnectionError(message=str(error), request=response.request) from None
        finally:
            await response.aclose()

    async def _read_stream(self, response: httpx2.Response) -> ModelResponse:
        stream = replies.Stream(self._answer)
        async with aclosing(_events(response)) as events:
            async for event in events:
                if event.event == "error":
                    _fail(replies.failure(event.data))
                elif event.data:
                    stream.take(event.data)
        if not stream.ended:
            message = "the connection to the model's API was cut in the middle of an answer"
            raise anthropic.APIConnectionError(message=message, request=response.request)
        return stream.answer()

    # -- errors in words

    def _explain(self, error: anthropic.AnthropicError) -> str:
        match error:
            case anthropic.AuthenticationError() | anthropic.PermissionDeniedError():
                source = f"{KEY_VARIABLE} or {self._config.key_file}" if self._config.key_file else KEY_VARIABLE
                return f"the model's API does not accept the key ({error.status_code}): check {source}"
            case anthropic.NotFoundError():
                model = self._config.model
                return f"the model's API does not know the model {model!r} (404): check --model and --model-url"
            case anthropic.APIStatusError():
                return f"{_in_words(error.status_code)}: {_plain(error.api_message or error.message)}"
            case anthropic.APITimeoutError():
                return f"the model's API sent nothing for {self._config.read_seconds:g} s"
            case anthropic.APIConnectionError():
                return f"the connection to the model's API failed: {_plain(str(error.__cause__ or error))}"
            case _:
                return _plain(str(error))


class _Limited(httpx2.AsyncByteStream):
    """The body of an HTTP reply with a limited size. Reading more than the limit raises AssistantError."""

    def __init__(self, body: httpx2.AsyncByteStream, bound: Bound) -> None:
        self._body = body
        self._bound = bound

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._body:
            size += len(chunk)
            if size > self._bound.capacity:
                raise AssistantError(str(self._bound.refuse(f"a reply of the model's API of {size} bytes or more")))
            self._bound.set(size)
            yield chunk
        self._bound.set(0)

    async def aclose(self) -> None:
        self._bound.set(0)
        await self._body.aclose()


async def _events(response: httpx2.Response) -> Any:
    try:
        async with aclosing(anthropic.AsyncStream.raw_events(response)) as events:  # type: ignore[type-var]
            async for event in events:
                yield event
    except UnicodeDecodeError:
        raise AssistantError("the model's API sent an answer that is not valid UTF-8") from None


def _fail(failure: replies.Failure) -> None:
    words = f"the model's API failed in the middle of an answer ({_plain(failure.type)}): {_plain(failure.message)}"
    if failure.type in _PASSING:
        raise anthropic.RetryableError(words)
    raise AssistantError(words)


def _is_retried(response: httpx2.Response) -> bool:
    """Return whether `anthropic` retries the request after this response, if attempts are left."""
    wish = response.headers.get("x-should-retry")
    if wish in ("true", "false"):
        return bool(wish == "true")
    return response.status_code in _RETRIED or response.status_code >= 500


def _wait_wanted(response: httpx2.Response) -> float:
    """Return how many seconds to wait before the next attempt, according to the response; 0 if it does not say."""
    for header, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        with contextlib.suppress(ValueError):
            return float(response.headers.get(header, "")) / unit
    return 0.0


def _in_words(status: int) -> str:
    match status:
        case 400 | 422:
            return f"the model's API does not accept the request ({status})"
        case 413:
            return "the request is too large for the model's API (413)"
        case 429:
            return "the model's API says that there were too many requests (429)"
        case 529:
            return "the model's API is overloaded (529)"
        case _:
            return f"the model's API has {'an internal error' if status >= 500 else 'refused the request'} ({status})"


def _plain(text: str) -> str:
    """Return a text of the server on one line of at most 300 printable characters."""
    return one_line(text, 300) or "no reason was given"


def _ignore(_: str) -> None:
    """Discard a notice for the user. Used while the model is not answering a question."""
