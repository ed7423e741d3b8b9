from starling import Bot, command, config
from wit_world.imports import kv, outbox
from wit_world.imports.types import Command, Message

COUNTER = "messages"


class Handler(Bot):
    def on_message(self, message: Message) -> None:
        count = kv.increment(COUNTER, 1)
        outbox.reply(message.origin, f"{config()['greeting']}! That was message number {count}.")

    @command("count", "Says how many messages I have had.")
    def count(self, command: Command) -> None:
        stored = kv.get(COUNTER)
        outbox.send(command.message.origin.conversation, f"Messages so far: {stored.decode() if stored else 0}")
