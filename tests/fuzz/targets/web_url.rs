//! A web server's address, as relays and plugins are given it: read or refused, and read alike by whoever reads it next.
#![no_main]

use std::net::IpAddr;

use libfuzzer_sys::fuzz_target;
use starling_protocol::web::{Host, MAX_URL, Url};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(host) = Host::parse(text) {
        check_host(&host);
    }
    match Url::parse(text) {
        Ok(url) => check_url(text, &url),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});

fn check_url(text: &str, url: &Url) {
    assert!(text.len() <= MAX_URL && url.port != 0 && url.target.starts_with('/'));
    // What goes into a request line and a header stays in them.
    let written = format!("{}{}", url.origin(), url.target);
    assert!(written.bytes().all(|byte| byte.is_ascii_graphic()));
    assert!(!url.target.contains('#'));
    // The longest may be longer as it is written, by a slash or a shorter form's brackets.
    if written.len() <= MAX_URL {
        assert_eq!(Url::parse(&written).as_ref(), Ok(url));
    }
    assert!(format!("{url:?}").len() <= url.origin().len() + "Url(/…)".len());
    check_host(&url.host);
}

fn check_host(host: &Host) {
    assert_eq!(Host::parse(&host.to_string()).as_ref(), Ok(host));
    match host {
        // A name is none that is read as an address without anybody being asked.
        Host::Name(name) => {
            assert!(name.parse::<IpAddr>().is_err());
            assert!(!name.rsplit('.').next().unwrap_or_default().bytes().all(|byte| byte.is_ascii_digit()));
        }
        Host::Address(address) => assert_eq!(address.to_canonical(), *address),
    }
}
