"""A second implementation of the client, from the protocol's description alone: it shares no code with the node.

    client.py new                                   -> {"seed": …, "id": …}
    client.py send    SEED_URL SENDER_SEED ID TEXT  -> {"hash": …, "stored_by": […]}
    client.py receive SEED_URL SEED                 -> [{"from": …, "body": …, "hash": …}, …]

Every request but the first goes through a three-hop onion request that is built here. `--cipher xchacha20|aes-gcm|mixed` picks the layers'
ciphers; aes-gcm is sent without naming it, as released clients do.
"""
import argparse, base64, hashlib, hmac, json, os, random, ssl, struct, time, urllib.request
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from nacl import bindings as sodium

b64, unb64 = lambda raw: base64.b64encode(raw).decode(), lambda text: base64.b64decode(text + "=" * (-len(text) % 4))
TLS = ssl._create_unverified_context()  # Nodes sign themselves: what matters is sealed inside.


def post(url, body):
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method="POST")
    with urllib.request.urlopen(request, timeout=20, context=TLS) as answer:
        return answer.read()


class Account:
    def __init__(self, seed):
        self.seed = bytes.fromhex(seed)
        self.ed_public, self.ed_secret = sodium.crypto_sign_seed_keypair(self.seed + bytes(16))
        self.x_public = sodium.crypto_sign_ed25519_pk_to_curve25519(self.ed_public)
        self.x_secret = sodium.crypto_sign_ed25519_sk_to_curve25519(self.ed_secret)
        self.id = "05" + self.x_public.hex()

    def sign(self, text):
        return sodium.crypto_sign(text, self.ed_secret)[:64]


# ---- onion requests -------------------------------------------------------------------------------------------------
def layer_key(cipher, secret, theirs, ephemeral, hop):
    shared = sodium.crypto_scalarmult(secret, theirs)
    if cipher == "aes-gcm":
        return hmac.new(b"LOKI", shared, hashlib.sha256).digest()
    return hashlib.blake2b(shared + ephemeral + hop, digest_size=32).digest()


def seal(cipher, key, plain):
    if cipher == "aes-gcm":
        nonce = os.urandom(12)
        return nonce + AESGCM(key).encrypt(nonce, plain, None)
    nonce = os.urandom(24)
    return nonce + sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(plain, None, nonce, key)


def unseal(cipher, key, sealed):
    if cipher == "aes-gcm":
        return AESGCM(key).decrypt(sealed[:12], sealed[12:], None)
    return sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(sealed[24:], None, sealed[:24], key)


def frame(body, control):
    return struct.pack("<I", len(body)) + body + json.dumps(control).encode()


def add_layer(cipher, hop, plain):
    hop, secret = bytes.fromhex(hop["pubkey_x25519"]), os.urandom(32)
    public = sodium.crypto_scalarmult_base(secret)
    key = layer_key(cipher, secret, hop, public, hop)
    named = {"ephemeral_key": public.hex(), **({} if cipher == "aes-gcm" else {"enc_type": cipher})}
    return seal(cipher, key, plain), named, key


def ask(nodes, destination, request, cipher):
    pick = lambda: random.choice(["xchacha20", "aes-gcm"]) if cipher == "mixed" else cipher
    hops = random.sample([node for node in nodes if node["pubkey_ed25519"] != destination["pubkey_ed25519"]], 3)
    last = pick()
    plain = frame(json.dumps(request).encode(), {"headers": ""})
    sealed, named, reply_key = add_layer(last, destination, plain)
    following = destination
    for hop in reversed(hops):
        plain = frame(sealed, {"destination": following["pubkey_ed25519"], **named})
        sealed, named, _ = add_layer(pick(), hop, plain)
        following = hop
    guard = f"https://{hops[0]['public_ip']}:{hops[0]['storage_port']}/onion_req/v2"
    answer = json.loads(unseal(last, reply_key, unb64(post(guard, frame(sealed, named)).decode())))
    body = answer["body"]
    if answer["status"] != 200:
        raise SystemExit(f"status {answer['status']}: {body}")
    return json.loads(body) if isinstance(body, str) else body


# ---- the network ----------------------------------------------------------------------------------------------------
def node_list(seed_url):
    fields = {name: True for name in ("public_ip", "storage_port", "pubkey_ed25519", "pubkey_x25519")}
    call = {"jsonrpc": "2.0", "method": "get_n_service_nodes", "params": {"active_only": True, "fields": fields}}
    return json.loads(post(seed_url + "/json_rpc", json.dumps(call).encode()))["result"]["service_node_states"]


def swarm_member(nodes, account, cipher):
    answer = ask(nodes, random.choice(nodes), {"method": "get_swarm", "params": {"pubkey": account}}, cipher)
    return random.choice(answer["snodes"])


# ---- messages -------------------------------------------------------------------------------------------------------
def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out + bytes([number]))


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def fields(raw):
    found, at = {}, 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte, at = raw[at], at + 1
            value, shift = value | (byte & 127) << shift, shift + 7
            if byte < 128:
                return value

    while at < len(raw):
        key = number()
        if key & 7 == 0:
            found[key >> 3] = number()
        elif key & 7 == 1:
            found[key >> 3], at = raw[at : at + 8], at + 8
        else:
            size = number()
            found[key >> 3], at = raw[at : at + size], at + size
    return found


def send(nodes, sender, to, text, cipher):
    now, recipient = int(time.time() * 1000), bytes.fromhex(to[2:])
    content = field(1, field(1, text.encode())) + field(15, now)
    padded = content + b"\x80"
    padded += bytes(-len(padded) % 160)
    signature = sender.sign(padded + sender.ed_public + recipient)
    sealed = sodium.crypto_box_seal(padded + sender.ed_public + signature, recipient)
    envelope = field(1, 6) + field(5, now) + field(7, 1) + field(8, sealed)
    request = field(1, b"PUT") + field(2, b"/api/v1/message") + field(3, envelope) + field(4, 0)
    params = {"pubkey": to, "timestamp": str(now), "ttl": str(14 * 86_400_000), "data": b64(field(1, 1) + field(2, request))}
    answer = ask(nodes, swarm_member(nodes, to, cipher), {"method": "store", "params": params}, cipher)
    stored = [node for node, entry in answer["swarm"].items() if "hash" in entry]
    return {"hash": answer["hash"], "stored_by": stored}


def receive(nodes, account, cipher):
    now = int(time.time() * 1000)
    signature = account.sign(f"retrieve{now}".encode())
    params = {"pubkey": account.id, "pubkey_ed25519": account.ed_public.hex(), "timestamp": now, "signature": b64(signature), "last_hash": ""}
    answer = ask(nodes, swarm_member(nodes, account.id, cipher), {"method": "retrieve", "params": params}, cipher)
    messages = []
    for item in answer["messages"]:
        envelope = fields(fields(fields(unb64(item["data"]))[2])[3])
        opened = sodium.crypto_box_seal_open(envelope[8], account.x_public, account.x_secret)
        padded, ed_public, signature = opened[:-96], opened[-96:-64], opened[-64:]
        sodium.crypto_sign_open(signature + padded + ed_public + account.x_public, ed_public)
        content = fields(padded.rstrip(b"\0")[:-1])
        assert content[15] == envelope[5], "the sealed time is the envelope's"
        author = "05" + sodium.crypto_sign_ed25519_pk_to_curve25519(ed_public).hex()
        messages.append({"from": author, "body": fields(content[1])[1].decode(), "hash": item["hash"], "sent_at": envelope[5]})
    return messages


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cipher", default="xchacha20", choices=["xchacha20", "aes-gcm", "mixed"])
    parser.add_argument("verb", choices=["new", "send", "receive"])
    parser.add_argument("words", nargs="*")
    given = parser.parse_args()
    if given.verb == "new":
        seed = os.urandom(16).hex()
        print(json.dumps({"seed": seed, "id": Account(seed).id}))
    else:
        known = node_list(given.words[0])
        me = Account(given.words[1])
        print(json.dumps(send(known, me, *given.words[2:4], given.cipher) if given.verb == "send" else receive(known, me, given.cipher)))
