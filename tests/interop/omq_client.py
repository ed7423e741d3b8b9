"""A client of a node's OxenMQ door, from the protocol's description alone: it shares no code with the node.

    omq_client.py HOST PORT X25519 SEED_URL -> {"info": …, "stored": …, "subscribed": …, "notified": …, …}

    omq_client.py --monitor SEEDS --told N HOST PORT X25519 -> {"subscribed": …}, then N lines {"name", "body", "at_ms"}

Speaks ZMTP with CURVE through libzmq. It asks for `info` in both encodings, stores a message for a new account over OxenMQ, reads
it back, is refused what strangers are refused, and says BYE. With `--subscribe` it also subscribes, once with bodies and once
without, has a message stored through HTTPS at another connection, and measures how long the notification takes. SEEDS are one
or several with commas between; several are subscribed with one list.
"""
import argparse, base64, json, os, ssl, time, urllib.request
import zmq, zmq.utils.z85
from nacl import bindings as sodium

TLS = ssl._create_unverified_context()  # Nodes sign themselves.
PATIENCE = 60_000


# ---- bencode --------------------------------------------------------------------------------------------------------
def encode(value):
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes):
        return b"%d:" % len(value) + value
    if isinstance(value, list):
        return b"l" + b"".join(map(encode, value)) + b"e"
    pairs = sorted((key.encode(), item) for key, item in value.items())
    return b"d" + b"".join(encode(key) + encode(item) for key, item in pairs) + b"e"


def decode(raw):
    def item(at):
        kind = raw[at : at + 1]
        if kind == b"i":
            end = raw.index(b"e", at)
            return int(raw[at + 1 : end]), end + 1
        if kind in (b"l", b"d"):
            items, at = [], at + 1
            while raw[at : at + 1] != b"e":
                value, at = item(at)
                items.append(value)
            if kind == b"l":
                return items, at + 1
            return dict(zip((key.decode("latin-1") for key in items[::2]), items[1::2])), at + 1
        colon = raw.index(b":", at)
        end = colon + 1 + int(raw[at:colon])
        return raw[colon + 1 : end], end

    value, end = item(0)
    assert end == len(raw), "nothing follows the value"
    return value


class Account:
    def __init__(self, seed=None):
        self.ed_public, self.ed_secret = sodium.crypto_sign_seed_keypair(seed or os.urandom(32))
        self.id = b"\x05" + sodium.crypto_sign_ed25519_pk_to_curve25519(self.ed_public)

    def sign(self, text):
        return sodium.crypto_sign(text, self.ed_secret)[:64]


class Connection:
    def __init__(self, host, port, server_key):
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        public, secret = zmq.curve_keypair()
        self.socket.curve_serverkey = zmq.utils.z85.encode(bytes.fromhex(server_key))
        self.socket.curve_publickey, self.socket.curve_secretkey = public, secret
        self.socket.linger = 1000
        self.socket.connect(f"tcp://{host}:{port}")
        self.kept = []

    def receive(self, within=PATIENCE):
        if not self.socket.poll(within):
            raise SystemExit(f"nothing came within {within} ms")
        return self.socket.recv_multipart()

    def hello(self):
        self.socket.send(b"HI")
        assert self.receive() == [b"HELLO"], "a greeting is returned"

    def ask(self, command, *data):
        tag = os.urandom(15)
        self.socket.send_multipart([command.encode(), tag, *data])
        while True:
            parts = self.receive()
            if parts[0] == b"REPLY" and parts[1] == tag:
                return parts[2:]
            self.kept.append(parts)

    def refused(self, *parts):
        self.socket.send_multipart(parts)
        return [part.decode() for part in self.receive()]

    def notification(self):
        while True:
            parts = self.kept.pop(0) if self.kept else self.receive()
            if parts[0].startswith(b"notify."):
                return parts[0].decode(), decode(parts[1])

    def subscribe(self, account, wants_bodies, namespaces=(0,)):
        request = self.subscription(account, wants_bodies, namespaces)
        return decode(self.ask("monitor.messages", encode(request))[0])

    def subscription(self, account, wants_bodies, namespaces=(0,)):
        now = int(time.time())
        text = f"MONITOR{account.id.hex()}{now}{int(wants_bodies)}{','.join(map(str, namespaces))}"
        request = {"P": account.ed_public, "n": list(namespaces), "t": now, "s": account.sign(text.encode())}
        if wants_bodies:
            request["d"] = 1
        return request


def post(url, body):
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method="POST")
    with urllib.request.urlopen(request, timeout=20, context=TLS) as answer:
        return json.loads(answer.read())


def one(parts):
    assert len(parts) == 1, f"a good answer has one part: {parts}"
    return parts[0]


def storage(connection, account):
    """Both encodings, a store and what it left."""
    info = json.loads(one(connection.ask("storage.info", b"{}")))
    bencoded = decode(one(connection.ask("storage.info", b"de")))
    assert bencoded["version"] == info["version"] and bencoded["hf"] == info["hf"], "both encodings say the same"
    now = int(time.time() * 1000)
    body = b"stored over OxenMQ \x00\xff"
    store = {"pubkey": account.id, "timestamp": now, "ttl": 60_000, "data": body}
    stored = decode(one(connection.ask("storage.store", encode(store))))
    retrieve = {
        "pubkey": account.id,
        "pubkey_ed25519": account.ed_public,
        "timestamp": now,
        "signature": account.sign(f"retrieve{now}".encode()),
    }
    messages = decode(one(connection.ask("storage.retrieve", encode(retrieve))))["messages"]
    assert [message["data"] for message in messages] == [body], "what was stored is there, byte by byte"
    assert messages[0]["hash"] == stored["hash"], "under the hash that was told"
    return {
        "info": info,
        "hash": stored["hash"].decode(),
        "no_pubkey": [part.decode() for part in connection.ask("storage.get_swarm", b"{}")],
    }


def refusals(connection):
    return {
        "unknown": connection.refused(b"storage.nope", b"t", b"{}"),
        "no_tag": connection.refused(b"storage.info"),
        "admin": connection.refused(b"service.get_stats", b"t"),
        "node": connection.refused(b"sn.ping", b"t"),
    }


def notifications(connection, bare, account, https):
    """Subscribes on two connections, and has a message stored by somebody else."""
    subscribed = [connection.subscribe(account, True), bare.subscribe(account, False)]
    now = int(time.time() * 1000)
    body = os.urandom(100)
    params = {"pubkey": account.id.hex(), "timestamp": now, "ttl": 60_000, "data": base64.b64encode(body).decode()}
    began = time.monotonic()
    stored = post(https + "/storage_rpc/v1", json.dumps({"method": "store", "params": params}).encode())
    (command, full), (_, lean) = connection.notification(), bare.notification()
    took = time.monotonic() - began
    assert command == "notify.message"
    assert full == {"@": account.id, "h": stored["hash"].encode(), "n": 0, "t": now, "z": now + 60_000, "~": body}
    assert lean == {key: value for key, value in full.items() if key != "~"}, "without the body, else the same"
    refused = connection.subscribe(account, True, (2, 0))
    return {
        "subscribed": [reply.get("success") for reply in subscribed],
        "took_ms": took * 1000,
        "unordered": [refused["errcode"], refused["error"].decode()],
    }


def readable(value):
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value.hex()
    if isinstance(value, list):
        return [readable(one) for one in value]
    return {key: readable(one) for key, one in value.items()} if isinstance(value, dict) else value


def monitor(connection, seeds, expected):
    """Subscribes with bodies, and tells what comes."""
    accounts = [Account(bytes.fromhex(seed) + bytes(16)) for seed in seeds.split(",")]
    wanted = [connection.subscription(account, True) for account in accounts]
    reply = connection.ask("monitor.messages", encode(wanted if len(wanted) > 1 else wanted[0]))
    print(json.dumps({"subscribed": readable(decode(one(reply)))}), flush=True)
    for _ in range(expected):
        name, body = connection.notification()
        print(json.dumps({"name": name, "body": readable(body), "at_ms": int(time.time() * 1000)}), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subscribe", action="store_true")
    parser.add_argument("--monitor", metavar="SEEDS")
    parser.add_argument("--told", metavar="N", type=int, default=0)
    for word in ("host", "port", "x25519"):
        parser.add_argument(word)
    parser.add_argument("https", nargs="?")
    given = parser.parse_args()
    first = Connection(given.host, given.port, given.x25519)
    first.hello()
    if given.monitor:
        monitor(first, given.monitor, given.told)
    else:
        me = Account()
        told = {**storage(first, me), **refusals(first)}
        if given.subscribe:
            second = Connection(given.host, given.port, given.x25519)
            second.hello()
            told |= notifications(first, second, me, given.https)
        print(json.dumps(told))
    first.socket.send(b"BYE")
