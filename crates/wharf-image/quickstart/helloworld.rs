//! `aci-helloworld`: a web server on port 80 with one page that names its host.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
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
    let port = std::env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(80_u16);
    let listener = match TcpListener::bind(("0.0.0.0", port)) {
        Ok(listener) => listener,
        Err(error) => {
            eprintln!("listening on port {port}: {error}");
            std::process::exit(1);
        }
    };
    println!("listening on port {port}");
    for connection in listener.incoming().flatten() {
        thread::spawn(move || drop(serve(&connection)));
    }
}

fn serve(connection: &TcpStream) -> std::io::Result<()> {
    connection.set_read_timeout(Some(Duration::from_secs(30)))?;
    let peer = connection.peer_addr()?.ip();
    let mut lines = BufReader::new(connection).lines();
    let Some(request) = lines.next().transpose()? else { return Ok(()) };
    for line in lines.by_ref() {
        if line?.is_empty() {
            break;
        }
    }
    let mut words = request.split(' ');
    let (method, path) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    let (status, body) = match path.split('?').next().unwrap_or("") {
        "/" | "/index.html" => ("200 OK", page()),
        "/healthz" => ("200 OK", "ok\n".to_owned()),
        _ => ("404 Not Found", "not found\n".to_owned()),
    };
    println!("{} {peer} \"{request}\" {}", seconds(), &status[..3]);
    let kind = if body.starts_with('<') { "text/html; charset=utf-8" } else { "text/plain" };
    let mut out = connection;
    write!(
        out,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    )?;
    if method != "HEAD" {
        out.write_all(body.as_bytes())?;
    }
    out.flush()
}

fn page() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">\
         <title>Welcome to Azure Container Instances!</title>\n<style>body{{font:18px/1.5 system-ui,\
         sans-serif;max-width:40rem;margin:15vh auto;padding:0 1rem;color:#1b2a41}}h1{{color:#0b6bcb}}\
         code{{background:#eef3f8;padding:.1em .4em;border-radius:4px}}</style></head>\n<body>\n\
         <h1>Welcome to Azure Container Instances!</h1>\n<p>This page comes from the container group \
         <code>{}</code>, run by Wharf.</p>\n</body>\n</html>\n",
        host.trim()
    )
}

fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
