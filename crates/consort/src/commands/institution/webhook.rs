//! `consort institution webhook …`: sets up an institution's webhook, and tests it.

use std::io::Read as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use lms::{Connection, Finding, HostLms};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::check::show;
use crate::api::{Hub, HubArgs, http_client, shown};
use crate::commands::request::segment;
use crate::failure::{Failure, Result};
use crate::output::print_result;
use crate::progress::Progress;

/// The number of characters of a secret that this program generates.
const SECRET_LENGTH: usize = 40;

/// An institution's webhook.
#[derive(Subcommand, Debug)]
pub(crate) enum Webhook {
    /// Show the address for messages and how many have arrived.
    Show(Named),
    /// Set a secret. An earlier secret stays valid until `finish-rotation`.
    Set(WithSecret),
    /// Finish the rotation: only the newest secret is valid from now on.
    FinishRotation(Named),
    /// Remove it; the hub then only polls.
    Remove(Named),
    /// Send a challenge, a forged message and a signed one to the webhook's public address, as the library's system
    /// would.
    Test(Test),
}

#[derive(Args, Debug)]
pub(crate) struct Named {
    #[command(flatten)]
    hub: HubArgs,
    /// The code of an institution.
    code: String,
}

#[derive(Args, Debug)]
pub(crate) struct WithSecret {
    #[command(flatten)]
    named: Named,
    /// A file with the secret, `-` for standard input. Without it a secret is generated and shown once.
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct Test {
    #[command(flatten)]
    named: Named,
    /// A file with the secret that is set in the library's system, `-` for standard input.
    #[arg(long, value_name = "FILE")]
    secret_file: PathBuf,
    /// The hub's public address, as the library's system knows it; by default the hub's own.
    #[arg(long, value_name = "URL")]
    public: Option<String>,
}

impl Webhook {
    pub(crate) async fn run(self) -> Result<()> {
        match self {
            Self::Show(named) => {
                let webhook = Hub::new(&named.hub)?.call(Method::GET, &named.path()?, None).await?;
                print_result(&webhook, || described(&named.code, &webhook));
                Ok(())
            }
            Self::Set(set) => set.run().await,
            Self::FinishRotation(named) => {
                let path = format!("{}?secret=previous", named.path()?);
                Hub::new(&named.hub)?.call(Method::DELETE, &path, None).await?;
                let result = json!({"institution": named.code, "secret_rotation_active": false});
                print_result(&result, || format!("{}: only the newest secret counts now.", named.code));
                Ok(())
            }
            Self::Remove(named) => {
                Hub::new(&named.hub)?.call(Method::DELETE, &named.path()?, None).await?;
                let result = json!({"institution": named.code, "webhook": null});
                print_result(&result, || {
                    format!("{} has no webhook any more; the hub finds changes there by polling.", named.code)
                });
                Ok(())
            }
            Self::Test(test) => test.run().await,
        }
    }
}

impl Named {
    fn path(&self) -> Result<String> {
        Ok(format!("/api/v1/institutions/{}/webhook", segment(&self.code)?))
    }
}

impl WithSecret {
    async fn run(self) -> Result<()> {
        let (secret, made) = match &self.secret_file {
            Some(file) => (read_secret(file)?, false),
            None => (make_secret(), true),
        };
        let body = json!({"secret": secret.expose_secret()});
        let webhook = Hub::new(&self.named.hub)?.call(Method::PUT, &self.named.path()?, Some(&body)).await?;
        let mut result = webhook.clone();
        if made {
            result["secret"] = json!(secret.expose_secret());
        }
        print_result(&result, || {
            let mut lines = vec![described(&self.named.code, &webhook)];
            if made {
                lines.push(format!(
                    "The secret, shown this once: {}\nSet it in the library's system, with the hub's public address and the path above.",
                    secret.expose_secret()
                ));
            }
            if webhook["secret_rotation_active"] == true {
                lines.push(
                    "The secret before it counts too, until `consort institution webhook finish-rotation`.".to_owned(),
                );
            }
            lines.join("\n")
        });
        Ok(())
    }
}

fn described(code: &str, webhook: &Value) -> String {
    let taken = format!(
        "{code}: messages are taken at {}; {} reported something new in the last 24 hours.",
        webhook["path"].as_str().unwrap_or_default(),
        webhook["useful_messages_24h"]
    );
    match (webhook["last_message_at"].as_str(), webhook["untrusted_since"].as_str()) {
        (None, _) => {
            format!("{taken}\nNone has come yet, so what happens there is seen by polling as long as none does.")
        }
        (Some(_), Some(missed)) => format!(
            "{taken}\nOne that should have come did not, {missed}: what happens there is seen by polling until they come again. \
             See whether the library's system still sends them, and which kinds."
        ),
        (Some(_), None) => taken,
    }
}

fn make_secret() -> SecretString {
    let letters = rand::distr::Alphanumeric;
    let secret: String = StdRng::from_os_rng().sample_iter(letters).take(SECRET_LENGTH).map(char::from).collect();
    secret.into()
}

fn read_secret(file: &std::path::Path) -> Result<SecretString> {
    let cannot = |error: std::io::Error| {
        Failure::new(format!("The secret can't be read from {}: {error}.", file.display()))
            .advice("Name a file with the secret alone in it, or - for standard input.")
    };
    let mut text = String::new();
    if file.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text).map_err(cannot)?;
    } else {
        text = std::fs::read_to_string(file).map_err(cannot)?;
    }
    Ok(text.trim().to_owned().into())
}

impl Test {
    async fn run(self) -> Result<()> {
        let hub = Hub::new(&self.named.hub)?;
        let code = &self.named.code;
        let secret = read_secret(&self.secret_file)?;
        let known = hub.get(&format!("/api/v1/institutions/{}", segment(code)?)).await?;
        let webhook = hub.call(Method::GET, &self.named.path()?, None).await?;
        let path = webhook["path"].as_str().unwrap_or_default();
        let base = self.public.as_deref().unwrap_or(&self.named.hub.hub);
        let url = format!("{}{path}", base.trim_end_matches('/'));
        let connection = Connection {
            institution: code.as_str().into(),
            kind: known["kind"].as_str().unwrap_or_default().to_owned(),
            settings: known["settings"].clone(),
            // The command sends nothing to the institution's system.
            credentials: "none".into(),
        };
        let lms = lms::connect(&connection).map_err(|error| Failure::new(error.to_string()))?;
        let caller = Caller { http: http_client()?, url, lms: lms.as_ref() };
        let progress = Progress::start(format!("Sending messages to the webhook of {code}"));
        let findings = vec![
            caller.challenge().await,
            caller.message("a forged message is refused", &make_secret(), StatusCode::UNAUTHORIZED).await,
            caller.message("a signed message is taken", &secret, StatusCode::OK).await,
        ];
        drop(progress);
        show(code, &findings)
    }
}

/// Plays the library's system towards the hub.
struct Caller<'a> {
    http: reqwest::Client,
    url: String,
    lms: &'a dyn HostLms,
}

impl Caller<'_> {
    async fn challenge(&self) -> Finding {
        let text = make_secret();
        let url = format!("{}?challenge={}", self.url, text.expose_secret());
        let subject = "a challenge is answered".to_owned();
        match self.http.get(&url).send().await {
            Ok(answer) if answer.status() == StatusCode::OK => {
                let answer: Value = answer.json().await.unwrap_or_default();
                let same = answer["challenge"].as_str() == Some(text.expose_secret());
                finding(subject, same, "the same text came back", "another text came back; is the address the hub's?")
            }
            Ok(answer) => finding(subject, false, "", &format!("it was answered with {}", answer.status())),
            Err(error) => {
                finding(subject, false, "", &format!("{} can't be reached: {}", shown(&self.url), error.without_url()))
            }
        }
    }

    /// Sends a message that no request can wait for.
    async fn message(&self, subject: &str, secret: &SecretString, wanted: StatusCode) -> Finding {
        let id = make_secret();
        let body = json!({"id": format!("test-{}", id.expose_secret()), "action": "TEST"}).to_string();
        let signature = self.lms.sign_webhook(secret, body.as_bytes());
        let call = self.http.post(&self.url).header(self.lms.signature_header(), signature).body(body);
        match call.send().await {
            Ok(answer) => {
                let status = answer.status();
                let complaint = format!("it was answered with {status}, and should be with {wanted}");
                finding(subject.to_owned(), status == wanted, &format!("answered with {status}"), &complaint)
            }
            Err(error) => finding(subject.to_owned(), false, "", &format!("no answer came: {}", error.without_url())),
        }
    }
}

fn finding(subject: String, good: bool, detail: &str, problem: &str) -> Finding {
    if good { Finding::ok(subject, detail) } else { Finding::missing(subject, problem) }
}
