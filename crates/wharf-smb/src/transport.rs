//! The way to the server, with one thing put right: `smb2` (0.39) can encrypt but does not offer it
//! in the one field where Samba looks, and servers that insist on encryption refuse it.
//!
//! What is signed later includes what was sent here, so that is put right as well.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use smb2::{
    Error,
    client::Connection,
    crypto::kdf::PreauthHasher,
    transport::{ConnectOptions, ReceiveProgress, TcpTransport, TransportReceive, TransportSend},
};

/// How a message begins that is not encrypted, where its header tells its command, and where a
/// negotiation's capabilities are.
const PLAIN: &[u8] = b"\xfeSMB";
const COMMAND: std::ops::Range<usize> = 12..14;
const CAPABILITIES: usize = 64 + 8;
const ENCRYPTION: u8 = 0x40;

/// Whether a message is of the negotiation. In one that is encrypted anything may be anywhere.
fn is_negotiation(message: &[u8]) -> bool {
    message.starts_with(PLAIN) && message.get(COMMAND) == Some(&[0, 0])
}

/// Both directions.
struct Transport {
    tcp: TcpTransport,
    /// What has been said so far, while that is the negotiation.
    said: Mutex<Option<PreauthHasher>>,
}

#[async_trait]
impl TransportSend for Transport {
    async fn send(&self, message: &[u8]) -> Result<(), Error> {
        if !is_negotiation(message) {
            return self.tcp.send(message).await;
        }
        let mut message = message.to_vec();
        if let Some(capabilities) = message.get_mut(CAPABILITIES) {
            *capabilities |= ENCRYPTION;
        }
        let mut hasher = PreauthHasher::new();
        hasher.update(&message);
        *self.said.lock().unwrap_or_else(PoisonError::into_inner) = Some(hasher);
        self.tcp.send(&message).await
    }
}

#[async_trait]
impl TransportReceive for Transport {
    async fn receive(&self) -> Result<Vec<u8>, Error> {
        let message = self.tcp.receive().await?;
        if is_negotiation(&message)
            && let Some(hasher) = self.said.lock().unwrap_or_else(PoisonError::into_inner).as_mut()
        {
            hasher.update(&message);
        }
        Ok(message)
    }

    fn receive_progress(&self) -> Option<Arc<ReceiveProgress>> {
        self.tcp.receive_progress()
    }
}

/// Connects and agrees on a dialect. Every wait for the server is bounded as given.
pub(crate) async fn connect(
    host: &str,
    address: &str,
    patience: std::time::Duration,
) -> Result<Connection, Error> {
    let tcp = TcpTransport::connect_with(address, ConnectOptions::with_timeout(patience)).await?;
    let transport = Arc::new(Transport { tcp, said: Mutex::default() });
    let (sender, receiver) = (Box::new(Arc::clone(&transport)), Box::new(Arc::clone(&transport)));
    let mut connection = Connection::from_transport(sender, receiver, host);
    connection.set_response_timeout(Some(patience));
    connection.set_send_timeout(Some(patience));
    connection.set_credit_wait_timeout(patience);
    connection.negotiate().await?;
    let said = transport.said.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(said) = said {
        connection.with_preauth_hasher_mut(|hasher| *hasher = said);
    }
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_negotiation_is_changed() {
        let negotiation = [PLAIN, &[0; 96]].concat();
        assert!(is_negotiation(&negotiation));
        let mut other = negotiation.clone();
        other[12] = 5;
        assert!(!is_negotiation(&other));
        // What is there in an encrypted message is a part of a checksum.
        let encrypted = [b"\xfdSMB".as_slice(), &[0; 96]].concat();
        assert!(!is_negotiation(&encrypted));
    }
}
