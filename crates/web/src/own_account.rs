//! What users change of their own account: the password, and one-time codes.

use axum::extract::State;
use axum::http::StatusCode;
use identity::{TotpSecret, accepted_step, is_password};
use secrecy::{ExposeSecret as _, SecretString};
use store::{Unit, User};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::audit::Changed;
use crate::guard::Access;
use crate::input::{Body, input};
use crate::problem::{FieldError, Problem};
use crate::state::WebState;
use crate::users::{UserView, digest};

/// The length of the secret of one-time codes, in characters of Base32: 20 bytes, which RFC 4226 advises.
const SECRET_LENGTH: usize = 32;

pub(crate) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new().routes(routes!(change_own_password)).routes(routes!(set_up_own_totp))
}

input! {
    /// A new password for one's own account.
    struct OwnPasswordInput {
        /// The password until now.
        current_password: SecretString,
        /// The new password, of at least 12 characters; never returned.
        new_password: SecretString,
    }
    example: {"current_password": "a-long-text-that-ann-knew", "new_password": "a-long-text-that-ann-knows"}
}

input! {
    /// One-time codes for one's own account.
    struct OwnTotpInput {
        /// The password.
        current_password: SecretString,
        /// The secret that the authenticator app has: 32 characters of Base32.
        secret: SecretString,
        /// The code that the app shows now. It proves that the app has the secret.
        code: SecretString,
    }
    example: {
        "current_password": "a-long-text-that-ann-knows", "secret": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "code": "123456",
    }
}

/// Changes the caller's own password and ends all of the caller's sessions. Only users have one; keys have none.
#[utoipa::path(
    put,
    path = "/api/v1/own/password",
    operation_id = "change_own_password",
    tag = "users",
    request_body = OwnPasswordInput,
    responses(
        (status = 204, description = "It is changed."),
        (status = 403, description = "The present password is wrong (`WRONG_PASSWORD`)."),
        (status = 409, description = "The caller is a key (`NOT_A_USER`)."),
        (status = 422, description = "Faults of the input, all at once."),
    )
)]
async fn change_own_password(
    State(state): State<WebState>,
    access: Access,
    Body(input): Body<OwnPasswordInput>,
) -> Result<StatusCode, Problem> {
    let OwnPasswordInput { current_password, new_password } = input.checked()?;
    let user = own(&state, &access, current_password).await?;
    let digest = digest(&state, new_password, "new_password").await?;
    let changed = changed(&user).secret("password", true, true);
    access.commit(&state, changed, |unit: &mut Unit| Ok(unit.change_password(&user.name, &digest))).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives the caller's own account a secret of one-time codes in place of an earlier one, and ends all of the caller's
/// sessions. A code of the app proves first that it has the secret.
#[utoipa::path(
    put,
    path = "/api/v1/own/totp",
    operation_id = "set_up_own_totp",
    tag = "users",
    request_body = OwnTotpInput,
    responses(
        (status = 204, description = "It is set."),
        (status = 403, description = "The present password is wrong (`WRONG_PASSWORD`)."),
        (status = 409, description = "The caller is a key (`NOT_A_USER`)."),
        (status = 422, description = "Faults of the input, all at once."),
    )
)]
async fn set_up_own_totp(
    State(state): State<WebState>,
    access: Access,
    Body(input): Body<OwnTotpInput>,
) -> Result<StatusCode, Problem> {
    let OwnTotpInput { current_password, secret, code } = input.checked()?;
    let user = own(&state, &access, current_password).await?;
    if !is_base32(secret.expose_secret()) {
        let message = format!("It has {SECRET_LENGTH} letters from A to Z and digits from 2 to 7.");
        return Err(Problem::invalid(vec![FieldError::new("secret", "INVALID_SECRET", message)]));
    }
    let (secret, now) = (TotpSecret::from(secret), state.engine.clock().now());
    let Some(step) = accepted_step(&secret, code.expose_secret(), now, 0) else {
        let message = "It isn't the code that an app with this secret shows now. Check the clock of the device.";
        return Err(Problem::invalid(vec![FieldError::new("code", "WRONG_CODE", message)]));
    };
    let changed = changed(&user).secret("totp_secret", user.totp_secret.is_some(), true);
    access.commit(&state, changed, |unit: &mut Unit| unit.set_totp(&user.name, secret.text(), step)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Returns the caller as a user, if the password is right.
async fn own(state: &WebState, access: &Access, password: SecretString) -> Result<User, Problem> {
    let user = match access.is_signed_in() {
        true => state.engine.store().user(access.name()).await?.filter(|user| user.disabled_at.is_none()),
        false => None,
    };
    let user = user.ok_or_else(|| {
        let detail = "A key has no password. Somebody who has signed in to the desk changes it there.";
        Problem::new(StatusCode::CONFLICT, "NOT_A_USER", detail)
    })?;
    let known = user.password.expose_secret().to_owned();
    let is_right = tokio::task::spawn_blocking(move || is_password(&password, Some(&known))).await;
    match is_right {
        Ok(true) => Ok(user),
        Ok(false) => Err(Problem::new(StatusCode::FORBIDDEN, "WRONG_PASSWORD", "The present password is wrong.")),
        Err(_) => Err(Problem::internal()),
    }
}

fn changed(user: &User) -> Changed {
    let view = || UserView::from(user.clone());
    Changed::new("user", &user.name, user.agencies.clone()).before(Some(&view())).after(&view())
}

fn is_base32(text: &str) -> bool {
    text.len() == SECRET_LENGTH && text.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'2'..=b'7'))
}
