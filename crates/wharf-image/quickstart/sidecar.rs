//! `aci-tutorial-sidecar`: asks the main container for its page over localhost, again and again,
//! and logs what it answers.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

unsafe extern "C" {
    fn signal(number: i32, handler: extern "C" fn(i32)) -> usize;
    fn _exit(code: i32) -> !;
}

/// The first process of a container gets no default handler: without one SIGTERM does nothing.
extern "C" fn end(_signal: i32) {
    // SAFETY: `_exit` is async-signal-safe (POSIX) and does not return.
    unsafe { _exit(0) }
}

fn main() {
    // SAFETY: the handler only calls `_exit`; SIGTERM is 15, SIGINT is 2.
    unsafe {
        signal(15, end);
        signal(2, end);
    }
    loop {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        match probe() {
            Ok(head) => println!("{now} {head}"),
            Err(error) => println!("{now} http://localhost: {error}"),
        }
        thread::sleep(Duration::from_secs(3));
    }
}

/// The head of the main container's answer.
fn probe() -> std::io::Result<String> {
    let timeout = Duration::from_secs(2);
    let address = SocketAddr::from(([127, 0, 0, 1], 80));
    let mut connection = TcpStream::connect_timeout(&address, timeout)?;
    connection.set_read_timeout(Some(timeout))?;
    connection.write_all(b"HEAD / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    connection.take(4096).read_to_string(&mut answer)?;
    Ok(answer.split("\r\n\r\n").next().unwrap_or_default().replace("\r\n", "\n"))
}
