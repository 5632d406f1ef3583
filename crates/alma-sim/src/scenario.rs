//! Scenarios: stories in JSON files, with institutions, actions of staff, callers and time, and the expected results.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::{ApiCall, segments};
use crate::control;
use crate::presets;
use crate::refusal::Refusal;
use crate::sim::{NoAnswer, Sim};

/// A story that a simulator plays.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The subject of the story, in one line.
    pub title: String,
    /// Simulated time at its start.
    #[serde(default)]
    pub begins: Option<Timestamp>,
    institutions: Vec<Cast>,
    #[serde(default)]
    steps: Vec<Step>,
    #[serde(skip)]
    folder: PathBuf,
}

/// An institution of the story: a preset, or a snapshot next to the file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cast {
    #[serde(default)]
    code: String,
    #[serde(default)]
    key: String,
    #[serde(default)]
    preset: Preset,
    snapshot: Option<PathBuf>,
    #[serde(default)]
    behaviour: Value,
    #[serde(default)]
    publishing: Value,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Preset {
    #[default]
    University,
    EmptyUniversity,
}

/// One step of the story, and its expected result.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    #[serde(default)]
    note: String,
    /// The institution; needed only if the story has several.
    at: Option<String>,
    /// A control action below `/sim/{institution}/`, by POST unless another method precedes it.
    #[serde(rename = "do")]
    act: Option<String>,
    /// A read of the same place, by GET.
    check: Option<String>,
    /// A REST call: method and path below `/almaws/v1`.
    call: Option<String>,
    /// How far time moves: `3 days`, `2h 30m`.
    advance: Option<String>,
    /// Body.
    #[serde(default)]
    with: Value,
    /// The code with which the step is refused.
    refused: Option<String>,
    /// Content that the answer must include; it may hold more.
    #[serde(default)]
    expect: Value,
    /// Names for parts of the answer, by JSON pointer; later steps write `{name}`.
    #[serde(default)]
    save: BTreeMap<String, String>,
}

/// The reason why a scenario could not be read or a step went otherwise than expected.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The file, or a snapshot it names, cannot be read.
    #[error("{path} cannot be read")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The text is no scenario.
    #[error("this is no scenario")]
    Malformed(#[from] serde_json::Error),
    /// An institution cannot be made.
    #[error("the institution {0} cannot be made")]
    Institution(String, #[source] Refusal),
    /// A step went otherwise than expected.
    #[error("step {number} ({note}): {reason}")]
    Step {
        /// Place of the step, from 1.
        number: usize,
        /// Its note.
        note: String,
        /// The actual and the expected result.
        reason: String,
    },
}

impl Scenario {
    /// Reads a scenario; paths of snapshots are taken from the folder.
    ///
    /// # Errors
    /// [`ScenarioError::Malformed`].
    pub fn from_json(text: &str, folder: &Path) -> Result<Scenario, ScenarioError> {
        let mut scenario: Scenario = serde_json::from_str(text)?;
        folder.clone_into(&mut scenario.folder);
        Ok(scenario)
    }

    /// Reads a scenario from a file.
    ///
    /// # Errors
    /// [`ScenarioError::Unreadable`], [`ScenarioError::Malformed`].
    pub fn load(path: &Path) -> Result<Scenario, ScenarioError> {
        Scenario::from_json(&read(path)?, path.parent().unwrap_or(Path::new("")))
    }

    /// Returns the institutions that the scenario makes: code and key. A snapshot's code and key are in the snapshot.
    pub fn institutions(&self) -> Vec<(&str, &str)> {
        self.institutions
            .iter()
            .filter(|cast| cast.snapshot.is_none())
            .map(|cast| (cast.code.as_str(), cast.key.as_str()))
            .collect()
    }

    /// Makes the institutions and plays every step.
    ///
    /// # Errors
    /// [`ScenarioError::Institution`], [`ScenarioError::Step`] for the first step that went otherwise than expected.
    pub fn play(&self, sim: &Sim) -> Result<(), ScenarioError> {
        let mut codes = Vec::new();
        for cast in &self.institutions {
            codes.push(self.admit(sim, cast)?);
        }
        let mut stage = Stage { sim, codes, names: BTreeMap::new() };
        for (at, step) in self.steps.iter().enumerate() {
            stage.play(step).map_err(|reason| ScenarioError::Step {
                number: at + 1,
                note: step.note.clone(),
                reason,
            })?;
        }
        Ok(())
    }

    fn admit(&self, sim: &Sim, cast: &Cast) -> Result<String, ScenarioError> {
        let made = match &cast.snapshot {
            Some(path) => sim.restore(&read(&self.folder.join(path))?),
            None => {
                let institution = match cast.preset {
                    Preset::University => presets::university(&cast.code, &cast.key),
                    Preset::EmptyUniversity => presets::empty_university(&cast.code, &cast.key),
                };
                sim.add_institution(institution).map(|()| cast.code.clone())
            }
        };
        let refused = |refusal| ScenarioError::Institution(cast.code.clone(), refusal);
        let code = made.map_err(refused)?;
        for (what, fields) in [("behaviour", &cast.behaviour), ("publishing", &cast.publishing)] {
            if !fields.is_null() {
                control::act(sim, "POST", &[&code, what], fields).map_err(refused)?;
            }
        }
        Ok(code)
    }
}

fn read(path: &Path) -> Result<String, ScenarioError> {
    std::fs::read_to_string(path).map_err(|source| ScenarioError::Unreadable { path: path.to_owned(), source })
}

/// A scenario being played.
struct Stage<'a> {
    sim: &'a Sim,
    codes: Vec<String>,
    names: BTreeMap<String, String>,
}

/// The result of a step: an answer, or a refusal's code and text.
type Met = Result<Value, (String, String)>;

impl Stage<'_> {
    fn play(&mut self, step: &Step) -> Result<(), String> {
        let met = match (&step.act, &step.check, &step.call, &step.advance) {
            (Some(act), None, None, None) => {
                let (method, path) = act.split_once(' ').unwrap_or(("POST", act));
                self.control(step, method, path)?
            }
            (None, Some(path), None, None) => self.control(step, "GET", path)?,
            (None, None, Some(call), None) => self.call(step, call)?,
            (None, None, None, Some(by)) => Ok(json!({"now": self.advance(by)?})),
            _ => return Err("a step has one of \"do\", \"check\", \"call\" and \"advance\"".to_owned()),
        };
        let answer = match (met, &step.refused) {
            (Ok(answer), None) => answer,
            (Err((code, _)), Some(wanted)) if code == *wanted => return Ok(()),
            (Ok(answer), Some(wanted)) => return Err(format!("should be refused with {wanted}, but: {answer}")),
            (Err((code, text)), _) => return Err(format!("refused with {code}: {text}")),
        };
        let expected = self.filled(&step.expect);
        if !expected.is_null() && !holds(&answer, &expected) {
            return Err(format!("expected {expected}, got {answer}"));
        }
        for (name, pointer) in &step.save {
            let part = answer.pointer(pointer).ok_or_else(|| format!("there is no {pointer} in {answer}"))?;
            let text = part.as_str().map_or_else(|| part.to_string(), str::to_owned);
            self.names.insert(name.clone(), text);
        }
        Ok(())
    }

    fn institution(&self, step: &Step) -> Result<String, String> {
        match (&step.at, self.codes.as_slice()) {
            (Some(code), _) => Ok(code.clone()),
            (None, [code]) => Ok(code.clone()),
            (None, _) => Err("the step must name its institution with \"at\"".to_owned()),
        }
    }

    fn control(&self, step: &Step, method: &str, path: &str) -> Result<Met, String> {
        let mut parts = vec![self.institution(step)?];
        parts.extend(segments(&self.text(path)));
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let body = self.filled(&step.with);
        let body = if body.is_null() { json!({}) } else { body };
        Ok(control::act(self.sim, method, &parts, &body).map_err(|refusal| (refusal.code, refusal.message)))
    }

    /// The answer of a successful call has its HTTP status next to its body's fields.
    fn call(&self, step: &Step, call: &str) -> Result<Met, String> {
        let call = self.text(call);
        let (method, address) = call.split_once(' ').ok_or("a call is a method and a path")?;
        let (path, query) = address.split_once('?').unwrap_or((address, ""));
        let code = self.institution(step)?;
        let key = self.sim.keys_of(&code).into_iter().next().map(|key| key.key);
        let body = match self.filled(&step.with) {
            Value::Null => Vec::new(),
            Value::String(xml) => xml.into_bytes(),
            body => body.to_string().into_bytes(),
        };
        let made = self.sim.call(&ApiCall {
            method: method.to_owned(),
            path: format!("/almaws/v1{path}"),
            query: query.to_owned(),
            key,
            accept: Some("application/json".to_owned()),
            body,
            ..ApiCall::default()
        });
        let answer = match made {
            Ok(answer) => answer,
            Err(NoAnswer) => return Ok(Err(("NO_ANSWER".to_owned(), NoAnswer.to_string()))),
        };
        let body = serde_json::from_str::<Value>(&answer.body).unwrap_or_else(|_| json!({"text": answer.body}));
        if answer.status >= 400 {
            let error = &body["errorList"]["error"][0];
            let code = error["errorCode"].as_str().map_or_else(|| answer.status.to_string(), str::to_owned);
            return Ok(Err((code, error["errorMessage"].as_str().unwrap_or_default().to_owned())));
        }
        let mut fields = body.as_object().cloned().unwrap_or_default();
        fields.insert("http_status".to_owned(), json!(answer.status));
        Ok(Ok(Value::Object(fields)))
    }

    fn advance(&self, by: &str) -> Result<String, String> {
        let span: Span = by.parse().map_err(|error| format!("{error}"))?;
        let length: SignedDuration =
            span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|error| error.to_string())?;
        if length.is_negative() {
            return Err("time does not go back".to_owned());
        }
        Ok(self.sim.advance(length).to_string())
    }

    /// Replaces names by the saved parts of answers.
    fn text(&self, text: &str) -> String {
        self.names.iter().fold(text.to_owned(), |text, (name, part)| text.replace(&format!("{{{name}}}"), part))
    }

    fn filled(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(text)),
            Value::Array(rows) => rows.iter().map(|row| self.filled(row)).collect(),
            Value::Object(fields) => fields
                .iter()
                .map(|(key, field)| (key.clone(), self.filled(field)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
            other => other.clone(),
        }
    }
}

/// Returns whether an answer holds the expected content: of an object the named fields, of a list a row for each
/// expected row. An empty list matches only an empty list.
fn holds(answer: &Value, expected: &Value) -> bool {
    match (answer, expected) {
        (Value::Object(answer), Value::Object(expected)) => {
            expected.iter().all(|(key, field)| holds(answer.get(key).unwrap_or(&Value::Null), field))
        }
        (Value::Array(answer), Value::Array(expected)) => {
            (!expected.is_empty() || answer.is_empty())
                && expected.iter().all(|row| answer.iter().any(|each| holds(each, row)))
        }
        (answer, expected) => answer == expected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expectation_names_only_what_matters() {
        let answer = json!({"a": 1, "rows": [{"b": 2, "c": 3}, {"b": 4}], "none": []});
        for expected in [json!({"a": 1}), json!({"rows": [{"b": 4}]}), json!({"none": [], "gone": null})] {
            assert!(holds(&answer, &expected), "{expected}");
        }
        for expected in [json!({"a": 2}), json!({"rows": []}), json!({"rows": [{"b": 5}]}), json!({"gone": 1})] {
            assert!(!holds(&answer, &expected), "{expected}");
        }
    }
}
