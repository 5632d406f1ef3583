//! Signatures of messages by the specification Standard Webhooks, version 1: HMAC-SHA256 over id, time and body.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;

/// The prefix by which programs recognise such a secret.
const PREFIX: &str = "whsec_";

/// Returns the text of a new secret, from 32 random bytes.
pub fn new_secret(random: [u8; 32]) -> SecretString {
    format!("{PREFIX}{}", STANDARD.encode(random)).into()
}

/// Returns the value of the header `webhook-signature`: one signature for each secret. A receiver accepts a message if one
/// of them is right, so that a secret can be replaced without a gap.
pub fn sign(secrets: &[SecretString], id: &str, seconds: i64, body: &str) -> String {
    let signatures = secrets.iter().filter_map(|secret| {
        let key = STANDARD.decode(secret.expose_secret().strip_prefix(PREFIX)?).ok()?;
        let mut mac = <Hmac<Sha256> as hmac::Mac>::new_from_slice(&key).ok()?;
        mac.update(format!("{id}.{seconds}.{body}").as_bytes());
        Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
    });
    signatures.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's reference libraries.
    #[test]
    fn signature_is_that_of_the_specification() {
        let secret: SecretString = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into();
        let (id, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", r#"{"test": 2432232314}"#);
        let expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(sign(std::slice::from_ref(&secret), id, 1_614_265_330, body), expected);
        let both = sign(&[new_secret([7; 32]), secret], id, 1_614_265_330, body);
        assert!(both.starts_with("v1,") && both.ends_with(expected) && both.split(' ').count() == 2, "{both}");
    }
}
