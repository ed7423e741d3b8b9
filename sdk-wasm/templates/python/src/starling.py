"""What makes a bot in Python short. The host itself is imported from `wit_world.imports`; `wit/` says what there is.

A host call that is refused raises `Err`. Leave it alone, and the event fails as it should; or catch it and look at its `value`.
"""

import functools
import json
import math
import pathlib
import sys
import traceback

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import config as operator, outbox
from wit_world.imports.types import (
    Error_AccessDenied,
    Error_InvalidArgument,
    Error_NotFound,
    Error_Other,
    Error_QuotaExceeded,
    Failure_Reject,
    Failure_Retry,
)

__all__ = ["Bot", "command", "config", "reject", "retry"]

CALLS = ("on_start", "on_message", "on_command", "on_event", "on_timer", "migrate")
HERE = pathlib.PurePosixPath(__file__).parent
LARGEST_U32 = 0xFFFF_FFFF
LONGEST_REASON = 1000


def retry(after: float) -> Err:
    """To be raised: offers the event again, not before so many milliseconds have passed. What the call changed is undone."""
    if not after >= 0:
        raise ValueError(f"retry was given {after}: expected milliseconds")
    return Err(Failure_Retry(LARGEST_U32 if after > LARGEST_U32 else math.ceil(after)))


def reject(reason: str) -> Err:
    """To be raised: puts the event into quarantine with this reason. What the call changed is undone."""
    return Err(Failure_Reject(str(reason)[:LONGEST_REASON]))


def config() -> dict:
    """What the operator set for this plugin, over the `[config]` of plugin.toml."""
    return json.loads(operator.get_all())


def command(name: str, help: str):
    """Makes a method of a `Bot` the one that runs for `/name`; `/help` lists it with that line."""

    def mark(method):
        method.starling_command = (name, help)
        return method

    return mark


class Bot(exports.Handler):
    """What the class `Handler` of `app.py` derives from. Each method of the contract may be left out.

    A command that no method is marked with is answered with the list of those that are; if none is, it is ignored.
    Whatever a method raises becomes a failure that the host understands.
    """

    def __init_subclass__(cls) -> None:
        for name in CALLS:
            setattr(cls, name, _guarded(getattr(cls, name)))

    def on_start(self) -> None:
        pass

    def on_message(self, message) -> None:
        pass

    def on_event(self, event) -> None:
        pass

    def on_timer(self, name: str) -> None:
        pass

    def migrate(self, from_version: str) -> None:
        pass

    def on_command(self, command) -> None:
        methods = [getattr(self, name) for name in dir(self) if hasattr(getattr(type(self), name, None), "starling_command")]
        table = {method.starling_command[0]: method for method in methods}
        if command.name in table:
            table[command.name](command)
        elif table:
            lines = [f"/{name} – {method.starling_command[1]}" for name, method in sorted(table.items())]
            known = command.name == "help"
            text = "\n".join(lines if known else ["I do not know that command. I know:", *lines])
            outbox.send(command.message.origin.conversation, text)


def _guarded(method):
    """The method, raising nothing but what the contract has."""

    @functools.wraps(method)
    def guarded(*arguments):
        try:
            answer = method(*arguments)
        except Exception as error:
            raise Err(_failure(error)) from None
        if hasattr(answer, "__await__"):
            answer.close()
            raise reject(f"{method.__name__} is async: host calls answer at once, so leave async out")

    return guarded


def _failure(error: Exception):
    if not isinstance(error, Err):
        traceback.print_exception(error, file=sys.stderr)
        return Failure_Reject(f"{type(error).__name__}: {error}{_place(error)}"[:LONGEST_REASON])
    match error.value:
        case Failure_Retry() | Failure_Reject() as failure:
            return failure
        case refused:
            reason = f"{_in_words(refused)}{_place(error)}"
            print(reason, file=sys.stderr)
    match refused:
        case Error_QuotaExceeded(value=after) if after < LARGEST_U32:
            return Failure_Retry(after)
        case Error_Other():
            return Failure_Retry(0)
        case _:
            return Failure_Reject(reason[:LONGEST_REASON])


def _in_words(refused) -> str:
    match refused:
        case Error_AccessDenied():
            return "the grant is missing, or does not reach so far"
        case Error_QuotaExceeded(value=after) if after < LARGEST_U32:
            return f"the quota is used up, there is more after {after} ms"
        case Error_QuotaExceeded():
            return "more than the quota allows in one call"
        case Error_NotFound():
            return "there is no such thing"
        case Error_InvalidArgument(value=reason) | Error_Other(value=reason):
            return reason
        case other:
            return repr(other)


def _place(error: Exception) -> str:
    """Where it was raised, as in ` (outbox.send, app.py:12)`: the host call, if it was one, and the bot's line."""
    frames = [(pathlib.PurePosixPath(frame.filename), frame) for frame in traceback.extract_tb(error.__traceback__)]
    names = [f"{path.stem}.{frame.name}" for path, frame in frames[-1:] if "wit_world" in path.parts]
    own = [f"{path.name}:{frame.lineno}" for path, frame in frames if path.parent == HERE and path.name != "starling.py"]
    places = ", ".join([*names, *own[-1:]])
    return f" ({places})" if places else ""
