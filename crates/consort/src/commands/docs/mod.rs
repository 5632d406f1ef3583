//! `consort docs`: prints documentation that is generated from the code, so that it can't differ from it.

mod access;
mod diagram;
mod polling;
mod workflow;

use clap::{Args, Subcommand, ValueEnum};

use crate::failure::Result;
use crate::output::write_text;

/// Print documentation that is generated from the code.
#[derive(Subcommand, Debug)]
pub(crate) enum Docs {
    /// The workflow of a patron request: tables and diagram.
    Workflow(Workflow),
    /// The tables of poll intervals.
    Polling,
    /// The table of roles and permissions.
    Access,
}

/// The part to print.
#[derive(Args, Debug)]
pub(crate) struct Workflow {
    /// The format.
    #[arg(long, value_enum, default_value_t = Form::Markdown)]
    form: Form,
}

#[derive(Clone, Copy, ValueEnum, Debug)]
enum Form {
    /// docs/workflow.md: all tables, with the diagram in Mermaid.
    Markdown,
    /// The diagram alone, as Mermaid text.
    Mermaid,
    /// The diagram alone, as SVG.
    Svg,
}

impl Docs {
    /// Prints the documentation.
    pub(crate) fn run(self) -> Result<()> {
        let text = match self {
            Self::Workflow(Workflow { form: Form::Markdown }) => workflow::markdown(),
            Self::Workflow(Workflow { form: Form::Mermaid }) => diagram::mermaid(),
            Self::Workflow(Workflow { form: Form::Svg }) => diagram::svg(),
            Self::Polling => polling::markdown(),
            Self::Access => access::markdown(),
        };
        write_text(&text);
        Ok(())
    }
}
