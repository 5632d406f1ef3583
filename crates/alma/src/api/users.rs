//! Calls for users (`/almaws/v1/users`).

use secrecy::SecretString;
use serde_json::{Map, Value};

use super::NO_USER;
use crate::call::Call;
use crate::client::Client;
use crate::code::Code;
use crate::error::Result;
use crate::ids::UserId;
use crate::lenient;
use crate::model::{Block, NewBlock, NewUser, User, UserSummary};
use crate::page::{PageStream, Paging, listing};

/// Calls for users. A key needs the area Users.
#[derive(Debug, Clone)]
pub struct Users {
    client: Client,
}

impl Users {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Reads a user by any unique identifier: primary id, barcode, e-mail address ...
    ///
    /// An inactive barcode finds its user too. A barcode of one user can be the primary id of another. If the primary
    /// id was meant, compare [`User::primary_id`] (without regard to case).
    pub async fn get(&self, user: &UserId) -> Result<User> {
        self.client.one(read(user)).await
    }

    /// Reads a user with the numbers of open loans and requests, and with the unpaid fees if `with_fees`.
    ///
    /// Alma was seen to refuse the call with [`Code::General`] for patrons who owe fees if it asks for fees.
    pub async fn get_with_counts(&self, user: &UserId, with_fees: bool) -> Result<User> {
        let expand = if with_fees { "loans,requests,fees" } else { "loans,requests" };
        self.client.one(read(user).query("expand", expand)).await
    }

    /// Searches users: `field~text`, with `_` for blanks and ` AND ` between terms, such as `last_name~reader`.
    ///
    /// The fields are those of Alma's `GET /users`; `external_id` is not among them.
    pub fn search(&self, query: &str) -> PageStream<UserSummary> {
        let call = Call::new("search users", "GET /users", &[]).query("q", query).private(query);
        listing(&self.client, call, "user", Paging::ByPages)
    }

    /// Creates a user and returns the record that Alma made.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Refused`](crate::Error::Refused) and [`Code::IdentifierTaken`] if a user has one of the
    /// identifiers already.
    pub async fn create(&self, user: &NewUser) -> Result<User> {
        let ids = user.identifiers.iter().map(|id| id.value.as_str()).chain([user.primary_id.as_str()]);
        let call = Call::new("create a user", "POST /users", &[]).json(user.to_json());
        self.client.one(ids.fold(call, Call::private)).await
    }

    /// Changes a user: reads the whole record, lets `change` alter it, and writes it back.
    ///
    /// Alma replaces the whole record by the one it receives. So fields that this crate doesn't know are sent as they
    /// were read, dates letter by letter. For external users Alma keeps some fields unchanged; see
    /// [`Users::update_overriding`].
    pub async fn update(&self, user: &UserId, change: impl FnOnce(&mut Map<String, Value>) + Send) -> Result<User> {
        self.update_overriding(user, &[], change).await
    }

    /// Changes a user as [`Users::update`] does, including the fields that Alma otherwise keeps for external users,
    /// such as `user_group`.
    pub async fn update_overriding(
        &self,
        user: &UserId,
        fields: &[&str],
        change: impl FnOnce(&mut Map<String, Value>) + Send,
    ) -> Result<User> {
        let mut record = self.client.raw(read(user)).await?;
        change(&mut record);
        self.put(user, fields, record).await
    }

    async fn put(&self, user: &UserId, fields: &[&str], record: Map<String, Value>) -> Result<User> {
        let overridden = (!fields.is_empty()).then(|| fields.join(","));
        let call = about(user, "update a user", "PUT /users/{user}")
            .query_if("override", overridden)
            .json(Value::Object(record));
        self.client.one(call).await
    }

    /// Deletes a user. Alma refuses with [`Code::UserNotDeletable`] while loans, requests or fees are open.
    pub async fn delete(&self, user: &UserId) -> Result<()> {
        self.client.done(about(user, "delete a user", "DELETE /users/{user}")).await
    }

    /// Checks the password of an internal user. Alma has no call that checks a PIN.
    pub async fn authenticate(&self, user: &UserId, password: &SecretString) -> Result<bool> {
        let mut call = about(user, "authenticate a user", "POST /users/{user}").query("op", "auth");
        call.password = Some(password.clone());
        call.repeatable = true;
        match self.client.done(call).await {
            Ok(()) => Ok(true),
            Err(error) if error.code() == Some(&Code::AuthenticationFailed) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Reads the blocks stored on a user.
    pub async fn blocks(&self, user: &UserId) -> Result<Vec<Block>> {
        Ok(self.get(user).await?.blocks().to_vec())
    }

    /// Puts a block on a user, unless the user has the same block already.
    pub async fn add_block(&self, user: &UserId, block: &NewBlock) -> Result<User> {
        let current = self.get(user).await?;
        if current.blocks().iter().any(|there| block.is(there)) {
            return Ok(current);
        }
        let mut record = current.raw().clone();
        let mut blocks = blocks_of(&mut record);
        blocks.push(block.to_json());
        record.insert("user_block".to_owned(), Value::Array(blocks));
        self.put(user, &[], record).await
    }

    /// Removes the blocks that `which` chooses from a user. Writes nothing if there are none.
    pub async fn remove_block(&self, user: &UserId, which: impl Fn(&Block) -> bool + Send) -> Result<User> {
        let current = self.get(user).await?;
        if !current.blocks().iter().any(&which) {
            return Ok(current);
        }
        let mut record = current.raw().clone();
        let mut kept = blocks_of(&mut record);
        kept.retain(|block| !lenient::record(block.clone()).is_ok_and(|block: Block| which(&block)));
        record.insert("user_block".to_owned(), Value::Array(kept));
        self.put(user, &[], record).await
    }
}

fn read(user: &UserId) -> Call {
    about(user, "read a user", "GET /users/{user}")
}

fn about(user: &UserId, operation: &'static str, endpoint: &'static str) -> Call {
    Call::new(operation, endpoint, &[user.as_str()]).private(user).absent(NO_USER)
}

fn blocks_of(record: &mut Map<String, Value>) -> Vec<Value> {
    lenient::rows(record.remove("user_block").unwrap_or_default())
}
