//! Inputs that no vector holds.

/// Pairs of target and input.
pub(super) const ALL: &[(&str, &[u8])] = &[
    ("peer_wire", b"li200e2:oke"),
    ("peer_wire", b"l3:4045:worsee"),
    ("peer_wire", b"d4:hash43:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA6:expiryi1e9:signature0:e"),
    ("monitor", b"lded1:di1e1:nli0ei2eee1:ti1700000000eee"),
    ("transfer", b"\x01le"),
    (
        "transfer",
        b"\x01ll33:\x05aaaaaaaabbbbbbbbccccccccdddddddd43:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAi1736942400000e\
          i1738152000000e4:bodyi11eee",
    ),
    (
        "transfer",
        b"\x01ll33:\x03aaaaaaaabbbbbbbbccccccccdddddddd43:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAi1736942400000e\
          i1738152000000e0:el33:\x05aaaaaaaabbbbbbbbccccccccdddddddd43:BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBi0e\
          i1e1:xi-10eee",
    ),
    ("onion_v4", b"l58:{\"method\":\"GET\",\"endpoint\":\"/room/a?x=1\",\"headers\":{\"A\":\"b\"}}e"),
    ("onion_v4", b"l12:{\"code\":200}4:bodye"),
    (
        "onion_layer",
        b"\x00\x02\x00\x00\x00{}{\"host\":\"a.example\",\"target\":\"/oxen/v4/lsrpc\",\"port\":80,\"protocol\":\"http\"}",
    ),
    ("onion_answer", b"\x00{\"body\":{\"t\":1},\"status_code\":421}"),
    ("omq", b"HI"),
    ("omq", b"monitor.messages\ntag\nd1:di1e1:nli0ee1:ti1700000000ee"),
    ("omq", b"REPLY\ntag\n404\nno"),
    ("omq", b"FORBIDDEN\nREPLY\ntag"),
    ("omq", b"notify.message\nde"),
    ("quic_frame", b"\x0314:l1:Ri0e4:ponge22:l1:Ei12e10:404 no\n\n\nxe"),
    ("seed_call", b"{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"get_n_service_nodes\",\"params\":{\"active_only\":true,\
        \"limit\":5,\"fields\":{\"public_ip\":true,\"storage_port\":true,\"pubkey_ed25519\":true}}}"),
    ("seed_call", b"{\"method\":\"get_service_nodes\",\"params\":{\"fields\":[\"all\",\"-swarm\"],\"poll_block_hash\":\"00\"}}"),
    ("http_request", b"GET /get_stats/v1 HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("http_request", b"POST /json_rpc HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}POST /ping_test/v1 HTTP/1.1\r\n\r\n"),
    (
        "http_request",
        b"POST /onion_req/v2 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n\x00\x00\x00\x00\r\n2;x=y\r\n{}\r\n0\r\n\r\n",
    ),
    ("http_request", b"POST / HTTP/1.0\r\nContent-Length: +1\r\nExpect: 100-continue\r\n\r\nx"),
    ("web_url", b"https://api.example.org:8443/a/b?x=1&y=%20#z"),
    ("web_url", b"HTTP://A.example.?x"),
    ("web_url", b"http://[::ffff:10.0.0.1]:80/"),
    ("web_url", b"https://user:word@127.0.0.1/"),
    ("web_url", b"http://0x7f.1"),
    ("web_url", b"[2606:4700::1]"),
    ("web_url", b"2130706433"),
];
