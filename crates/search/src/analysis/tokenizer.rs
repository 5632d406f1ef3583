//! The splitting of texts as tantivy calls it.

use tantivy::tokenizer::{Token, TokenStream, Tokenizer};

use super::split::{Placed, tokens};

/// The tokenizer of all fields with words.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Words;

/// The tokens of one text.
#[derive(Debug)]
pub(crate) struct Stream {
    tokens: std::vec::IntoIter<Placed>,
    token: Token,
}

impl Tokenizer for Words {
    type TokenStream<'a> = Stream;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Stream {
        Stream { tokens: tokens(text).into_iter(), token: Token::default() }
    }
}

impl TokenStream for Stream {
    fn advance(&mut self) -> bool {
        match self.tokens.next() {
            Some(placed) => {
                self.token.position = placed.position;
                self.token.text = placed.text;
                true
            }
            None => false,
        }
    }

    fn token(&self) -> &Token {
        &self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.token
    }
}
