//! Recovery passwords as people type them: refused with a text that shows nothing of the words, or a seed whose words give
//! it back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use starling_protocol::mnemonic::{RecoveryPassword, decode, decode_account, decode_qr, encode};

fuzz_target!(|text: &str| {
    match decode(text) {
        Ok(seed) => {
            let words = encode(&seed);
            assert_eq!(decode(&words).as_ref(), Ok(&seed));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    if let Ok(seed) = decode_account(text) {
        let password: RecoveryPassword = text.parse().expect("both read alike");
        assert_eq!(password.keys().seed(), &*seed);
        assert_eq!(password.as_str(), encode(&*seed));
    }
    if let Ok(seed) = decode_qr(text) {
        assert_eq!(decode_account(&encode(&*seed)).as_ref(), Ok(&seed));
    }
});
