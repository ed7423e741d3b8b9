//! Arithmetic of the Ed25519 group, for formats that compute with keys: blinded ids, subaccounts, decoy signatures.
//!
//! Scalars are 32 bytes little-endian, taken modulo the group order; points are compressed.

#![expect(unsafe_code, reason = "the safe wrapper of libsodium has no arithmetic on the Ed25519 group")]

use super::init;

/// A 64-byte number reduced modulo the group order.
#[must_use]
pub fn reduce64(number: &[u8; 64]) -> [u8; 32] {
    init();
    let mut reduced = [0; 32];
    // SAFETY: reads exactly 64 bytes, writes exactly 32.
    unsafe { libsodium_sys::crypto_core_ed25519_scalar_reduce(reduced.as_mut_ptr(), number.as_ptr()) };
    reduced
}

/// x + y.
#[must_use]
pub fn add(x: &[u8; 32], y: &[u8; 32]) -> [u8; 32] {
    init();
    let mut sum = [0; 32];
    // SAFETY: all three are exactly 32 bytes.
    unsafe { libsodium_sys::crypto_core_ed25519_scalar_add(sum.as_mut_ptr(), x.as_ptr(), y.as_ptr()) };
    sum
}

/// x − y.
#[must_use]
pub fn sub(x: &[u8; 32], y: &[u8; 32]) -> [u8; 32] {
    init();
    let mut difference = [0; 32];
    // SAFETY: all three are exactly 32 bytes.
    unsafe { libsodium_sys::crypto_core_ed25519_scalar_sub(difference.as_mut_ptr(), x.as_ptr(), y.as_ptr()) };
    difference
}

/// x · y.
#[must_use]
pub fn mul(x: &[u8; 32], y: &[u8; 32]) -> [u8; 32] {
    init();
    let mut product = [0; 32];
    // SAFETY: all three are exactly 32 bytes.
    unsafe { libsodium_sys::crypto_core_ed25519_scalar_mul(product.as_mut_ptr(), x.as_ptr(), y.as_ptr()) };
    product
}

/// −x.
#[must_use]
pub fn negate(x: &[u8; 32]) -> [u8; 32] {
    init();
    let mut negated = [0; 32];
    // SAFETY: both are exactly 32 bytes.
    unsafe { libsodium_sys::crypto_core_ed25519_scalar_negate(negated.as_mut_ptr(), x.as_ptr()) };
    negated
}

/// 1 / x; `None` for zero.
#[must_use]
pub fn invert(x: &[u8; 32]) -> Option<[u8; 32]> {
    init();
    let mut inverse = [0; 32];
    // SAFETY: both are exactly 32 bytes.
    let outcome =
        unsafe { libsodium_sys::crypto_core_ed25519_scalar_invert(inverse.as_mut_ptr(), x.as_ptr()) };
    (outcome == 0).then_some(inverse)
}

/// x · B without clamping; `None` when x is zero modulo the group order.
#[must_use]
pub fn mul_base_noclamp(x: &[u8; 32]) -> Option<[u8; 32]> {
    init();
    let mut point = [0; 32];
    // SAFETY: both are exactly 32 bytes.
    let outcome =
        unsafe { libsodium_sys::crypto_scalarmult_ed25519_base_noclamp(point.as_mut_ptr(), x.as_ptr()) };
    (outcome == 0).then_some(point)
}

/// x · P without clamping; `None` when P is no point of the main subgroup or the result is the identity.
#[must_use]
pub fn mul_noclamp(x: &[u8; 32], point: &[u8; 32]) -> Option<[u8; 32]> {
    init();
    let mut product = [0; 32];
    // SAFETY: all three are exactly 32 bytes.
    let outcome = unsafe {
        libsodium_sys::crypto_scalarmult_ed25519_noclamp(product.as_mut_ptr(), x.as_ptr(), point.as_ptr())
    };
    (outcome == 0).then_some(product)
}

/// P + Q; `None` when one of them is not on the curve.
#[must_use]
pub fn add_points(p: &[u8; 32], q: &[u8; 32]) -> Option<[u8; 32]> {
    init();
    let mut sum = [0; 32];
    // SAFETY: all three are exactly 32 bytes.
    let outcome = unsafe { libsodium_sys::crypto_core_ed25519_add(sum.as_mut_ptr(), p.as_ptr(), q.as_ptr()) };
    (outcome == 0).then_some(sum)
}

/// Whether the bytes are a canonical point of the main subgroup, not of small order.
#[must_use]
pub fn is_valid_point(point: &[u8; 32]) -> bool {
    init();
    // SAFETY: reads exactly 32 bytes.
    unsafe { libsodium_sys::crypto_core_ed25519_is_valid_point(point.as_ptr()) == 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scalar(number: u8) -> [u8; 32] {
        let mut wide = [0; 64];
        wide[0] = number;
        reduce64(&wide)
    }

    #[test]
    fn scalars_and_points_keep_the_group_laws() {
        let (two, three, six) = (scalar(2), scalar(3), scalar(6));
        let base = mul_base_noclamp(&scalar(1)).unwrap();

        assert_eq!(mul(&two, &three), six);
        assert_eq!(add(&three, &three), six);
        assert_eq!(sub(&six, &three), three);
        assert_eq!(add(&two, &negate(&two)), scalar(0));
        assert_eq!(mul(&six, &invert(&two).unwrap()), three);
        assert_eq!(
            mul_base_noclamp(&six).unwrap(),
            mul_noclamp(&three, &mul_base_noclamp(&two).unwrap()).unwrap()
        );
        assert_eq!(add_points(&base, &base).unwrap(), mul_base_noclamp(&two).unwrap());
        assert!(is_valid_point(&base));
    }

    #[test]
    fn degenerate_input_gives_none() {
        let mut identity = [0; 32];
        identity[0] = 1;

        assert_eq!(invert(&[0; 32]), None);
        assert_eq!(mul_base_noclamp(&[0; 32]), None);
        assert_eq!(mul_noclamp(&scalar(2), &identity), None);
        assert_eq!(mul_noclamp(&scalar(2), &[0xff; 32]), None);
        assert!(!is_valid_point(&identity));
    }
}
