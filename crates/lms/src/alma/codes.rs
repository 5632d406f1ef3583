//! Reads the codes among which the settings of an Alma choose.

use alma::{Client, Library};

use super::errors::to_lms_error;
use crate::codes::{InstitutionCodes, LibraryCodes, LocationOfLibrary, NamedCode};
use crate::error::Result;

/// The largest number of libraries whose desks and locations are read. Each costs two calls.
const MOST_LIBRARIES: usize = 60;

/// Reads libraries with their desks and locations, and code tables. A part that can't be read is named in `unread`; only
/// the list of libraries is indispensable.
pub(super) async fn read(client: &Client) -> Result<InstitutionCodes> {
    let mut codes = InstitutionCodes::default();
    let libraries = client.conf().libraries().await.map_err(to_lms_error)?;
    if !libraries.is_complete() {
        codes.unread.push("Alma's list of libraries has rows that can't be read.".to_owned());
    }
    for (index, library) in libraries.into_iter().enumerate() {
        let known = library_codes(client, &library, index < MOST_LIBRARIES, &mut codes.unread).await;
        codes.libraries.push(known);
    }
    if codes.libraries.len() > MOST_LIBRARIES {
        codes.unread.push(format!("Desks and locations of the libraries after the first {MOST_LIBRARIES}."));
    }
    codes.user_groups = table(client, "UserGroups", &mut codes.unread).await;
    codes.material_types = table(client, "PhysicalMaterialType", &mut codes.unread).await;
    codes.item_policies = table(client, "ItemPolicy", &mut codes.unread).await;
    codes.identifier_types = table(client, "UserIdentifierTypes", &mut codes.unread).await;
    codes.cancellation_reasons = table(client, "RequestCancellationReasons", &mut codes.unread).await;
    Ok(codes)
}

async fn library_codes(client: &Client, library: &Library, reads: bool, unread: &mut Vec<String>) -> LibraryCodes {
    let mut codes = LibraryCodes {
        library: NamedCode { code: library.code.as_str().to_owned(), name: library.name.clone() },
        desks: Vec::new(),
        locations: Vec::new(),
    };
    if !reads {
        return codes;
    }
    match client.conf().circulation_desks(&library.code).whole().await {
        Ok(desks) => {
            let named =
                desks.into_iter().map(|desk| NamedCode { code: desk.code.as_str().to_owned(), name: desk.name });
            codes.desks = named.collect();
        }
        Err(error) => unread.push(format!("The desks of {}: {}", library.code.as_str(), to_lms_error(error))),
    }
    match client.conf().locations(&library.code).await {
        Ok(locations) => {
            let named = locations.into_iter().map(|location| LocationOfLibrary {
                location: NamedCode { code: location.code.as_str().to_owned(), name: location.name },
                is_suppressed: location.suppressed,
            });
            codes.locations = named.collect();
        }
        Err(error) => unread.push(format!("The locations of {}: {}", library.code.as_str(), to_lms_error(error))),
    }
    codes
}

/// Returns the enabled codes of a table.
async fn table(client: &Client, name: &str, unread: &mut Vec<String>) -> Vec<NamedCode> {
    match client.conf().code_table(name).await {
        Ok(table) => {
            let enabled = table.rows.into_iter().filter(|row| row.enabled);
            enabled.map(|row| NamedCode { code: row.code, name: row.description }).collect()
        }
        Err(error) => {
            unread.push(format!("The code table {name}: {}", to_lms_error(error)));
            Vec::new()
        }
    }
}
