//! A title with the records that describe it, as requests and availability need it.

use store::Value;

use crate::database::Catalogue;
use crate::error::Error;
use crate::stored::Member;

/// A title of the catalogue.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CataloguedTitle {
    /// The id of its group.
    pub id: String,
    /// The title, as the record shows it that describes it best.
    pub title: String,
    /// The main author.
    pub author: Option<String>,
    /// The records that describe it and that no rule suppresses, with those whose copies are all suppressed left out.
    pub records: Vec<TitleRecord>,
}

/// A record that describes a title.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct TitleRecord {
    /// The institution whose it is.
    pub institution: String,
    /// Its id there.
    pub local_id: String,
}

impl Catalogue {
    /// Returns the title with this id. An id whose records another title has taken finds that one.
    pub async fn title(&self, id: &str) -> Result<Option<CataloguedTitle>, Error> {
        let Ok(id) = id.parse::<i64>() else { return Ok(None) };
        match self.current_edition(id).await? {
            Some(edition) => self.title_of_group(edition).await,
            None => Ok(None),
        }
    }

    /// Returns the title that a record of an institution describes.
    pub async fn title_of_record(&self, institution: &str, local_id: &str) -> Result<Option<CataloguedTitle>, Error> {
        match self.stored(institution, local_id).await?.and_then(|record| record.edition) {
            Some(edition) => self.title_of_group(edition).await,
            None => Ok(None),
        }
    }

    async fn title_of_group(&self, edition: i64) -> Result<Option<CataloguedTitle>, Error> {
        let rows = self.store.read("SELECT display FROM edition WHERE id = $1", vec![Value::Int(edition)]).await?;
        let display = rows.first().map(|row| row.optional_int("display")).transpose()?.flatten();
        let mut members = self.members(&[edition]).await?.remove(&edition).unwrap_or_default();
        members.sort_by_key(|member| (Some(member.number) != display, member.number));
        let Some(best) = members.first() else { return Ok(None) };
        let (title, author) = (best.record.title().unwrap_or_default(), best.record.author());
        let lent = members.iter().filter(|member| member.copies.is_empty() || member.copies.any_shown());
        let record = |member: &Member| TitleRecord {
            institution: member.institution.clone(),
            local_id: member.local_id.clone(),
        };
        Ok(Some(CataloguedTitle { id: edition.to_string(), title, author, records: lent.map(record).collect() }))
    }
}
