//! Calls for an institution's set-up (`/almaws/v1/conf`).

use crate::call::Call;
use crate::client::Client;
use crate::error::Result;
use crate::ids::{DeskCode, LibraryCode, LocationCode};
use crate::model::{CircDesk, CodeTable, General, Library, Location};
use crate::page::{List, PageStream, Paging, all, listing};

/// An area of the API, for which a key has rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Area {
    /// Users with their requests and loans.
    Users,
    /// Titles, holdings and items with their requests and loans.
    Bibs,
    /// The institution's set-up.
    Conf,
}

/// A right that a key has in an area.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// To read.
    Read,
    /// To read and write.
    Write,
}

/// Calls for the institution's set-up. A key needs the area Configuration.
///
/// Alma answers an unknown library or location with codes of general errors. To find out whether one exists, search the
/// list.
#[derive(Debug, Clone)]
pub struct Conf {
    client: Client,
}

impl Conf {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Reads the list of all libraries.
    pub async fn libraries(&self) -> Result<List<Library>> {
        all(&self.client, Call::new("list libraries", "GET /conf/libraries", &[]), "library").await
    }

    /// Reads one library.
    pub async fn library(&self, library: &LibraryCode) -> Result<Library> {
        let call = Call::new("read a library", "GET /conf/libraries/{library}", &[library.as_str()]);
        self.client.one(call).await
    }

    /// Reads the list of all locations of a library.
    pub async fn locations(&self, library: &LibraryCode) -> Result<List<Location>> {
        let call = Call::new("list locations", "GET /conf/libraries/{library}/locations", &[library.as_str()]);
        all(&self.client, call, "location").await
    }

    /// Reads one location.
    pub async fn location(&self, library: &LibraryCode, location: &LocationCode) -> Result<Location> {
        let ids = [library.as_str(), location.as_str()];
        self.client.one(Call::new("read a location", "GET /conf/libraries/{library}/locations/{location}", &ids)).await
    }

    /// Reads the list of all circulation desks of a library, with code and name only.
    pub fn circulation_desks(&self, library: &LibraryCode) -> PageStream<CircDesk> {
        let call = Call::new("list circulation desks", "GET /conf/libraries/{library}/circ-desks", &[library.as_str()]);
        listing(&self.client, call, "circ_desk", Paging::ByPages)
    }

    /// Reads one circulation desk, with its hold shelf and locations.
    pub async fn circulation_desk(&self, library: &LibraryCode, desk: &DeskCode) -> Result<CircDesk> {
        let ids = [library.as_str(), desk.as_str()];
        let endpoint = "GET /conf/libraries/{library}/circ-desks/{desk}";
        self.client.one(Call::new("read a circulation desk", endpoint, &ids)).await
    }

    /// Reads a code table, such as `UserGroups`, `ItemPolicy` or `RequestCancellationReasons`.
    pub async fn code_table(&self, name: &str) -> Result<CodeTable> {
        self.client.one(Call::new("read a code table", "GET /conf/code-tables/{table}", &[name])).await
    }

    /// Reads the institution and environment to which the key belongs.
    pub async fn general(&self) -> Result<General> {
        self.client.one(Call::new("read the institution's name", "GET /conf/general", &[])).await
    }

    /// Tests that the key has a right in an area. The call needs no right in Configuration, unless that is the area.
    pub async fn test(&self, area: Area, access: Access) -> Result<()> {
        let endpoint = match (area, access) {
            (Area::Users, Access::Read) => "GET /users/operation/test",
            (Area::Users, Access::Write) => "POST /users/operation/test",
            (Area::Bibs, Access::Read) => "GET /bibs/test",
            (Area::Bibs, Access::Write) => "POST /bibs/test",
            (Area::Conf, Access::Read) => "GET /conf/test",
            (Area::Conf, Access::Write) => "POST /conf/test",
        };
        let mut call = Call::new("test the key's rights", endpoint, &[]);
        call.repeatable = true;
        self.client.done(call).await
    }
}
