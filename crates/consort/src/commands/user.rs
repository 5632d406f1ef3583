//! `consort user`: adds, lists and disables people who sign in. The commands work on the store.

use std::path::PathBuf;

use access::Role;
use clap::{Args, Subcommand};
use engine::{Clock as _, SystemClock};
use identity::TotpSecret;
use rand::rngs::StdRng;
use rand::{RngCore as _, SeedableRng};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use store::{AdminAct, User as StoredUser};

use crate::commands::key::{ACTOR, checked_agencies};
use crate::commands::serve::open_store;
use crate::config::Config;
use crate::failure::{Exit, Failure, Result};
use crate::output::print_result;
use crate::secret_input::read_password;
use crate::table::table;

/// Add, list and disable people who sign in.
#[derive(Subcommand, Debug)]
pub(crate) enum User {
    /// Add a user. The password is read from the terminal, or from standard input.
    Add(Add),
    /// List the users, without their passwords.
    List(List),
    /// Refuse a user from now on, and end the user's sessions.
    Disable(Disable),
}

/// Add a user.
#[derive(Args, Debug)]
pub(crate) struct Add {
    /// The name that timelines show: 1 to 64 letters, digits and the signs . _ : -.
    name: String,
    /// The role: consortium-admin, library-admin, library-staff, read-only, discovery or monitoring.
    #[arg(long)]
    role: Role,
    /// An agency for which the user stands; may be given several times.
    #[arg(long = "agency", value_name = "CODE")]
    agencies: Vec<String>,
    /// Also demand a one-time code of an authenticator app. The secret for the app is shown once.
    #[arg(long)]
    totp: bool,
    /// The configuration file that `serve` uses.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// List the users.
#[derive(Args, Debug)]
pub(crate) struct List {
    /// The configuration file that `serve` uses.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Disable a user.
#[derive(Args, Debug)]
pub(crate) struct Disable {
    /// The user's name.
    name: String,
    /// The configuration file that `serve` uses.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl User {
    pub(crate) async fn run(self) -> Result<()> {
        match self {
            Self::Add(add) => add.run().await,
            Self::List(list) => list.run().await,
            Self::Disable(disable) => disable.run().await,
        }
    }
}

fn failed(error: store::Error) -> Failure {
    match error {
        store::Error::Referred(reason) => Failure::new(reason),
        other => Failure::new(format!("The users can't be read or written: {other}.")).exit(Exit::Unavailable),
    }
}

impl Add {
    async fn run(self) -> Result<()> {
        if !access::is_key_name(&self.name) {
            return Err(Failure::usage(format!("{:?} can't be the name of a user.", self.name)).advice(
                "A name has 1 to 64 letters, digits and the signs . _ : -, and isn't \"hub\", which is the hub's own.",
            ));
        }
        let config = Config::load(self.config.as_deref())?;
        let store = open_store(&config).await?;
        let agencies = checked_agencies(&store, self.role, &self.agencies).await?;
        if store.user(&self.name).await.map_err(failed)?.is_some() {
            return Err(Failure::new(format!("There is a user {} already.", self.name)));
        }
        let password = read_password(&format!("Password of {}: ", self.name))?;
        let (mut rng, mut salt, mut secret) = (StdRng::from_os_rng(), [0; 16], [0; 20]);
        rng.fill_bytes(&mut salt);
        rng.fill_bytes(&mut secret);
        let digest = identity::password_digest(&password, salt)
            .map_err(|fault| Failure::usage(format!("The user was not added: {fault}.")))?;
        let totp = self.totp.then(|| TotpSecret::new(secret));
        let user = StoredUser {
            name: self.name,
            role: self.role,
            agencies: agencies.into_iter().collect(),
            password: digest.into(),
            totp_secret: totp.as_ref().map(|totp| totp.text().clone()),
            totp_step: 0,
            created_at: SystemClock::default().now(),
            created_by: ACTOR.to_owned(),
            disabled_at: None,
            last_sign_in_at: None,
        };
        let mut after = shown(&user);
        after["password"] = "changed".into();
        let act = act("add_user", &user, None, after);
        store.commit_act(&act, |unit| unit.insert_user(&user)).await.map_err(failed)?;
        store.close().await;
        let mut result = shown(&user);
        if let Some(totp) = &totp {
            result["totp_secret"] = totp.text().expose_secret().into();
            result["totp_address"] = totp.address(&user.name).expose_secret().into();
        }
        print_result(&result, || {
            let added = format!("The user {} was added with the role {}.", user.name, user.role);
            let Some(totp) = &totp else { return added };
            let (secret, address) = (totp.text(), totp.address(&user.name));
            format!(
                "{added} Enter this secret into the authenticator app; it is not shown any more:\n{}\n{}",
                secret.expose_secret(),
                address.expose_secret()
            )
        });
        Ok(())
    }
}

fn act(act: &str, user: &StoredUser, before: Option<Value>, after: Value) -> AdminAct {
    AdminAct {
        at: SystemClock::default().now(),
        actor: ACTOR.to_owned(),
        origin: ACTOR.to_owned(),
        act: act.to_owned(),
        object: format!("user {}", user.name),
        agencies: user.agencies.clone(),
        before,
        after: Some(after),
    }
}

/// Returns a user without secrets.
fn shown(user: &StoredUser) -> Value {
    json!({
        "name": user.name, "role": user.role.name(), "agencies": user.agencies, "totp": user.totp_secret.is_some(),
        "created_at": user.created_at, "created_by": user.created_by, "disabled_at": user.disabled_at,
        "last_sign_in_at": user.last_sign_in_at,
    })
}

impl List {
    async fn run(self) -> Result<()> {
        let config = Config::load(self.config.as_deref())?;
        let store = open_store(&config).await?;
        let users = store.users().await.map_err(failed)?;
        store.close().await;
        let result = json!({"users": users.iter().map(shown).collect::<Vec<_>>()});
        print_result(&result, || {
            let mut rows = table(&["name", "role", "agencies", "one-time code", "last sign-in", "disabled"]);
            for user in &users {
                let agencies = user.agencies.iter().map(|code| code.as_str()).collect::<Vec<_>>().join(", ");
                let time = |at: Option<jiff::Timestamp>| at.map_or_else(|| "–".to_owned(), |at| at.to_string());
                rows.add_row([
                    user.name.as_str(),
                    user.role.name(),
                    &agencies,
                    if user.totp_secret.is_some() { "yes" } else { "no" },
                    &time(user.last_sign_in_at),
                    &time(user.disabled_at),
                ]);
            }
            rows.to_string()
        });
        Ok(())
    }
}

impl Disable {
    async fn run(self) -> Result<()> {
        let config = Config::load(self.config.as_deref())?;
        let store = open_store(&config).await?;
        let known = store.user(&self.name).await.map_err(failed)?;
        let known = known.filter(|user| user.disabled_at.is_none()).ok_or_else(|| {
            Failure::new(format!("There is no user {} who may sign in.", self.name))
                .advice("`consort user list` shows the users.")
                .exit(Exit::NotFound)
        })?;
        let now = SystemClock::default().now();
        let disabled = StoredUser { disabled_at: Some(now), ..known.clone() };
        let act = act("disable_user", &known, Some(shown(&known)), shown(&disabled));
        store.commit_act(&act, |unit| Ok(unit.disable_user(&known.name, now))).await.map_err(failed)?;
        store.close().await;
        print_result(&shown(&disabled), || {
            format!("The user {} may not sign in any more, and has no session.", self.name)
        });
        Ok(())
    }
}
