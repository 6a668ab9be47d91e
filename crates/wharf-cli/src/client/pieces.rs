//! Answers that are no documents, piece by piece.

use reqwest::Method;

use super::{Client, innermost, read_error};
use crate::error::CliError;

/// An answer that is read piece by piece.
pub(crate) struct Pieces {
    response: reqwest::Response,
    endpoint: String,
}

impl Client {
    /// GET of what is no document.
    pub(crate) async fn get_pieces(&self, path: &str) -> Result<Pieces, CliError> {
        let response = self.exchange(Method::GET, path, None, None).await?;
        if !response.status().is_success() {
            return Err(read_error(response).await);
        }
        Ok(Pieces { response, endpoint: self.endpoint.to_string() })
    }
}

impl Pieces {
    /// The next piece; `None` at the end, an error if the end came too early.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<u8>>, CliError> {
        match self.response.chunk().await {
            Ok(piece) => Ok(piece.map(|piece| piece.to_vec())),
            Err(error) => Err(CliError::Connection {
                endpoint: self.endpoint.clone(),
                reason: innermost(&error),
                hint: None,
            }),
        }
    }
}
