"""A client of a node's QUIC door, from the protocol's description alone: it shares no code with the node.

    quic_client.py ADDRESS PORT NODE_KEY call NAME [BODY]       -> {"is_error": …, "body": …}
    quic_client.py ADDRESS PORT NODE_KEY store SEED TEXT        -> as call; bencoded, for the account of SEED
    quic_client.py ADDRESS PORT NODE_KEY onion X25519_KEY       -> {"status": …, "body": …}: `info` in a one-layer onion
    quic_client.py ADDRESS PORT NODE_KEY monitor SEEDS BODIES N -> {"subscribed": …}, then N lines {"name", "body", "at_ms"}

The node has to prove NODE_KEY with a raw public key (RFC 7250); the client proves one of its own, fresh every time. BODIES is 1 or 0.
SEEDS are one or several with commas between; several are subscribed with one list.
"""
import asyncio, json, os, ssl, sys, time
from aioquic import tls
from aioquic.asyncio.client import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated, StreamDataReceived
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from client import Account, add_layer, frame, unb64, unseal

# ---- raw public keys ------------------------------------------------------------------------------------------------
ED25519_HEAD = bytes.fromhex("302a300506032b6570032100")  # RFC 8410: what stands before the 32 bytes of a key.
CERTIFICATE_TYPES = [(19, b"\x01\x02"), (20, b"\x01\x02")]  # Client's and server's: the one raw key, 2.


class RawKey:
    """Stands where aioquic expects an X.509 certificate."""

    def __init__(self, key):
        self.key = key

    def public_bytes(self, _):
        return ED25519_HEAD + self.key.public_bytes_raw()

    def public_key(self):
        return self.key


class RawKeyContext(tls.Context):
    wanted = b""

    def _client_send_hello(self, output):
        self.handshake_extensions = self.handshake_extensions + CERTIFICATE_TYPES
        super()._client_send_hello(output)

    def _set_peer_certificate(self, certificate):
        chosen = dict(self.received_extensions)
        assert chosen.get(20) == b"\x02" and chosen.get(19) == b"\x02", "raw keys on both sides"
        assert self._certificate_request is not None, "the node asks for a key"
        assert [shown for shown, _ in certificate.certificates] == [ED25519_HEAD + self.wanted], "it is the node"
        self._peer_certificate = RawKey(Ed25519PublicKey.from_public_bytes(self.wanted))
        self._peer_certificate_chain = []


tls.Context = RawKeyContext


# ---- messages on a stream -------------------------------------------------------------------------------------------
def bencode(value):
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, (bytes, str)):
        raw = value.encode() if isinstance(value, str) else value
        return b"%d:" % len(raw) + raw
    if isinstance(value, list):
        return b"l" + b"".join(map(bencode, value)) + b"e"
    return b"d" + b"".join(bencode(key) + bencode(value[key]) for key in sorted(value)) + b"e"


def bdecode(raw, at=0):
    start, at = raw[at : at + 1], at + 1
    if start == b"i":
        end = raw.index(b"e", at)
        return int(raw[at:end]), end + 1
    if start in (b"l", b"d"):
        values = []
        while raw[at : at + 1] != b"e":
            value, at = bdecode(raw, at)
            values.append(value)
        return (values if start == b"l" else dict(zip(values[::2], values[1::2]))), at + 1
    colon = raw.index(b":", at - 1)
    end = colon + 1 + int(raw[at - 1 : colon])
    return raw[colon + 1 : end], end


class Door(QuicConnectionProtocol):
    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self.arrived, self.waiting, self.told, self.asked = b"", {}, asyncio.Queue(), 0

    def quic_event_received(self, event):
        if isinstance(event, StreamDataReceived):
            assert event.stream_id == 0, "only the first stream is used"
            self.arrived += event.data
            self.read_messages()
        elif isinstance(event, ConnectionTerminated):
            failure = ConnectionError(f"closed with {event.error_code}: {event.reason_phrase}")
            for waiting in self.waiting.values():
                waiting.set_exception(failure)

    def read_messages(self):
        while b":" in self.arrived:
            length, rest = self.arrived.split(b":", 1)
            if len(rest) < int(length):
                return
            self.arrived = rest[int(length) :]
            (kind, number, *parts), end = bdecode(rest[: int(length)])
            assert end == int(length), "the length is the list's"
            if kind == b"C":
                self.told.put_nowait((number, parts[0].decode(), parts[1], int(time.time() * 1000)))
            else:
                self.waiting.pop(number).set_result((kind == b"E", parts[0]))

    async def ask(self, name, body=b""):
        number, self.asked = self.asked, self.asked + 1
        self.waiting[number] = asyncio.get_running_loop().create_future()
        message = bencode(["C", number, name, body])
        self._quic.send_stream_data(0, b"%d:" % len(message) + message)
        self.transmit()
        return await asyncio.wait_for(self.waiting[number], 10)


# ---- what is asked --------------------------------------------------------------------------------------------------
def readable(value):
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value.hex()
    if isinstance(value, list):
        return [readable(one) for one in value]
    if isinstance(value, dict):
        return {readable(key): readable(one) for key, one in value.items()}
    return value


def show(value):
    print(json.dumps(value), flush=True)


def show_answer(answer):
    is_error, body = answer
    show({"is_error": is_error, "body": readable(bdecode(body)[0] if body[:1] == b"l" else body)})


def subscription(account, wants_bodies, namespaces):
    now = int(time.time())
    text = f"MONITOR{account.id}{now}{wants_bodies}{','.join(map(str, namespaces))}"
    fields = {"P": account.ed_public, "n": namespaces, "s": account.sign(text.encode()), "t": now}
    return {**fields, "d": 1} if wants_bodies else fields


async def onion(door, node):
    request = json.dumps({"method": "info", "params": {}}).encode()
    sealed, named, key = add_layer("xchacha20", {"pubkey_x25519": node}, frame(request, {"headers": ""}))
    is_error, body = await door.ask("onion_req", frame(sealed, named))
    assert not is_error, body
    answer = json.loads(unseal("xchacha20", key, unb64(body.decode())))
    show({"status": answer["status"], "body": json.loads(answer["body"])})


async def run(address, port, node, verb, *words):
    RawKeyContext.wanted = bytes.fromhex(node)
    secret = Ed25519PrivateKey.generate()
    configuration = QuicConfiguration(is_client=True, alpn_protocols=["oxenstorage"], verify_mode=ssl.CERT_NONE)
    configuration.certificate, configuration.private_key = RawKey(secret.public_key()), secret
    async with connect(address, int(port), configuration=configuration, create_protocol=Door) as door:
        if verb == "call":
            show_answer(await door.ask(words[0], words[1].encode() if len(words) > 1 else b""))
        elif verb == "store":
            now, account = int(time.time() * 1000), Account(words[0])
            params = {"pubkey": bytes.fromhex(account.id), "timestamp": now, "ttl": 600_000, "data": words[1]}
            show_answer(await door.ask("store", bencode(params)))
        elif verb == "onion":
            await onion(door, words[0])
        else:
            wanted = [subscription(Account(seed), int(words[1]), [0]) for seed in words[0].split(",")]
            is_error, reply = await door.ask("monitor", bencode(wanted if len(wanted) > 1 else wanted[0]))
            show({"subscribed": not is_error and readable(bdecode(reply)[0])})
            for expected in range(int(words[2])):
                number, name, body, at_ms = await asyncio.wait_for(door.told.get(), 60)
                assert number == expected, "commands of the node count up from 0"
                show({"name": name, "body": readable(bdecode(body)[0]), "at_ms": at_ms})


if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    asyncio.run(run(*sys.argv[1:]))
