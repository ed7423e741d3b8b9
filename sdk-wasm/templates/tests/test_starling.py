"""`starling.py` of the Python template, without the compiler: `python3 -m unittest discover -s sdk-wasm/templates/tests`."""

import contextlib
import dataclasses
import io
import pathlib
import sys
import types
import unittest

NEVER = 0xFFFF_FFFF
SOURCE = pathlib.Path(__file__).resolve().parent.parent / "python" / "src"


@dataclasses.dataclass(frozen=True)
class Err(Exception):
    """As the compiler's."""

    value: object


def stand_in() -> types.ModuleType:
    """Puts modules with the names of the compiler's in place, and answers the one with the contract's types."""
    names = ("componentize_py_types", "wit_world", "wit_world.exports", "wit_world.imports")
    names += tuple(f"wit_world.imports.{name}" for name in ("config", "outbox", "types"))
    for name in names:
        sys.modules[name] = types.ModuleType(name)
        parent, _, own = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], own, sys.modules[name])
    sys.modules["componentize_py_types"].Err = Err
    sys.modules["wit_world.exports"].Handler = object
    contract = sys.modules["wit_world.imports.types"]
    for name in ("QuotaExceeded", "InvalidArgument", "Other"):
        setattr(contract, f"Error_{name}", dataclasses.make_dataclass(f"Error_{name}", ["value"]))
    for name in ("AccessDenied", "NotFound"):
        setattr(contract, f"Error_{name}", dataclasses.make_dataclass(f"Error_{name}", []))
    for name in ("Retry", "Reject"):
        setattr(contract, f"Failure_{name}", dataclasses.make_dataclass(f"Failure_{name}", ["value"]))
    return contract


contract = stand_in()
sys.path.insert(0, str(SOURCE))
sys.dont_write_bytecode = True
import starling  # noqa: E402


def failure_of(error: Exception) -> object:
    """What the contract is told when a bot's method raises that."""

    class Handler(starling.Bot):
        def on_message(self, message):
            raise error

    with contextlib.redirect_stderr(io.StringIO()):
        try:
            Handler().on_message(None)
        except Err as raised:
            return raised.value
    return None


def command(name: str) -> types.SimpleNamespace:
    origin = types.SimpleNamespace(conversation="05aa")
    return types.SimpleNamespace(name=name, arguments=[], message=types.SimpleNamespace(origin=origin))


class Starling(unittest.TestCase):
    def setUp(self):
        self.sent = []
        sys.modules["wit_world.imports.outbox"].send = lambda to, body: self.sent.append((to, body))

    def test_every_method_of_the_contract_may_be_left_out(self):
        class Handler(starling.Bot):
            pass

        for name in starling.CALLS:
            with self.subTest(name):
                arguments = [] if name == "on_start" else [command("x")]
                self.assertIsNone(getattr(Handler(), name)(*arguments))

    def test_retry_and_reject_reach_the_host_as_the_contract_has_them(self):
        self.assertEqual(failure_of(starling.retry(1500.2)), contract.Failure_Retry(1501))
        self.assertEqual(failure_of(starling.retry(float("inf"))), contract.Failure_Retry(NEVER))
        self.assertEqual(failure_of(starling.reject("no")), contract.Failure_Reject("no"))
        with self.assertRaisesRegex(ValueError, "retry was given -1: expected milliseconds"):
            starling.retry(-1)

    def test_a_refused_host_call_is_retried_when_that_can_help_and_else_rejected(self):
        self.assertEqual(failure_of(Err(contract.Error_QuotaExceeded(5000))), contract.Failure_Retry(5000))
        self.assertEqual(failure_of(Err(contract.Error_Other("disk"))), contract.Failure_Retry(0))
        for error, words in (
            (contract.Error_AccessDenied(), "the grant is missing"),
            (contract.Error_QuotaExceeded(NEVER), "more than the quota allows"),
            (contract.Error_InvalidArgument("the text is empty"), "the text is empty"),
            (contract.Error_NotFound(), "there is no such thing"),
        ):
            with self.subTest(words):
                failure = failure_of(Err(error))
                self.assertIsInstance(failure, contract.Failure_Reject)
                self.assertTrue(failure.value.startswith(words), failure.value)

    def test_a_refusal_names_the_call_and_the_line_of_the_bot(self):
        refuse = {"Err": Err, "error": contract.Error_NotFound()}
        exec(compile("def delete_own(sent): raise Err(error)", "/world/wit_world/imports/outbox.py", "exec"), refuse)
        bot = {"Bot": starling.Bot, "delete_own": refuse["delete_own"]}
        source = "class Handler(Bot):\n    def on_timer(self, name):\n        delete_own(name)"
        exec(compile(source, str(SOURCE / "app.py"), "exec"), bot)

        with contextlib.redirect_stderr(io.StringIO()), self.assertRaises(Err) as raised:
            bot["Handler"]().on_timer("x")

        self.assertEqual(raised.exception.value.value, "there is no such thing (outbox.delete_own, app.py:3)")

    def test_a_mistake_in_the_bot_is_rejected(self):
        self.assertEqual(failure_of(ValueError("boom")), contract.Failure_Reject("ValueError: boom"))
        self.assertLessEqual(len(failure_of(ValueError("x" * 5000)).value), 1000)

    def test_a_method_that_is_async_is_rejected_for_nobody_would_wait_for_it(self):
        class Handler(starling.Bot):
            async def on_timer(self, name):
                pass

        with self.assertRaises(Err) as raised:
            Handler().on_timer("x")

        self.assertIn("on_timer is async", raised.exception.value.value)

    def test_a_command_runs_by_its_name_and_help_lists_what_there_is(self):
        asked = []

        class Handler(starling.Bot):
            @starling.command("count", "Counts.")
            def count(self, command):
                asked.append(command.name)

        for name in ("count", "help", "dance"):
            Handler().on_command(command(name))

        self.assertEqual(asked, ["count"])
        listed = "/count – Counts."
        self.assertEqual(self.sent, [("05aa", listed), ("05aa", f"I do not know that command. I know:\n{listed}")])

    def test_a_mistake_in_a_command_is_rejected_too(self):
        class Handler(starling.Bot):
            @starling.command("count", "Counts.")
            def count(self, command):
                raise KeyError("x")

        with contextlib.redirect_stderr(io.StringIO()), self.assertRaises(Err) as raised:
            Handler().on_command(command("count"))

        self.assertEqual(raised.exception.value, contract.Failure_Reject("KeyError: 'x'"))

    def test_the_config_is_what_the_host_has(self):
        sys.modules["wit_world.imports.config"].get_all = lambda: '{"greeting":"Hi"}'

        self.assertEqual(starling.config(), {"greeting": "Hi"})


if __name__ == "__main__":
    unittest.main()
