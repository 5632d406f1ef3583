//! Handles staff's wish for another lender as the engine does. The hub keeps the present lender until it knows that
//! another one can take over, or until staff confirm that the present one is to be given up all the same.

use lending::{Command, CopyRef, Request, RequestId, Side};

use super::hub::{Hub, Promise};

impl Hub {
    /// Asks for another lender. Returns whether the hub accepted it.
    pub(super) async fn ask_another_lender(
        &mut self,
        id: RequestId,
        copy: Option<CopyRef>,
        confirmed: bool,
    ) -> Result<bool, String> {
        let named = copy.is_some();
        let command = Command::NextSupplier { reason: None, copy: copy.clone() };
        if !self.may_ask(id, &command) {
            return Ok(false);
        }
        self.poll(id, Side::Lender).await?;
        if !self.may_ask(id, &command) {
            return Ok(false);
        }
        let Some(request) = self.requests.get(&id).map(|stored| stored.request.clone()) else { return Ok(false) };
        let copies = copy.map_or_else(|| request.candidates_without_supplier(), |copy| vec![copy]);
        let mut fits = confirmed && !named;
        for copy in copies {
            fits = fits || self.can_take_over(&request, &copy).await;
        }
        if !fits {
            return Ok(false);
        }
        self.ask(id, &command)?;
        match (named, confirmed) {
            (true, _) => self.promise(id, Promise::Named),
            (false, false) => self.promise(id, Promise::Any),
            (false, true) => {}
        }
        Ok(true)
    }

    /// If a system doesn't answer, the hub keeps the present lender.
    async fn can_take_over(&self, request: &Request, copy: &CopyRef) -> bool {
        let is_own = copy.institution == request.patron.institution;
        if is_own || request.may_be_supplied_by(&copy.institution).is_err() {
            return false;
        }
        matches!(self.read_copy(copy).await, Some(Ok(_)))
    }
}
