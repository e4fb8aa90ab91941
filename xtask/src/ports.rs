//! Ports of the loopback.

use std::io::ErrorKind;
use std::net::TcpListener;

use anyhow::{Context, Result, bail};

/// The port for something that is usually found on `usual`: exactly the one that was `asked` for,
/// or `usual`, or when that is taken a free one.
pub(crate) fn choose(asked: Option<u16>, usual: u16) -> Result<u16> {
    match asked {
        Some(port) => ensure_free(port).map(|()| port),
        None if is_free(usual) => Ok(usual),
        None => any_free(),
    }
}

/// Says what to do when the port that was asked for cannot be had.
pub(crate) fn ensure_free(port: u16) -> Result<()> {
    let help = "give another one with --port, or leave --port out to get a free one";
    match TcpListener::bind(("127.0.0.1", port)) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AddrInUse => bail!("port {port} is taken: {help}"),
        Err(error) => bail!("port {port} cannot be used ({error}): {help}"),
    }
}

fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

fn any_free() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("no free port on 127.0.0.1")?;
    Ok(listener.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::choose;
    use std::net::TcpListener;

    #[test]
    fn a_port_that_was_asked_for_and_is_taken_is_an_error_that_names_it() {
        let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = choose(Some(port), 1).unwrap_err().to_string();
        assert!(error.starts_with(&format!("port {port} is taken")), "{error}");
    }

    #[test]
    fn another_port_takes_the_place_of_a_usual_one_that_is_taken() {
        let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let usual = taken.local_addr().unwrap().port();
        assert_ne!(choose(None, usual).unwrap(), usual);
    }

    #[test]
    fn a_free_port_is_taken_as_wished() {
        let free = super::any_free().unwrap();
        assert_eq!(choose(Some(free), 1).unwrap(), free);
        assert_eq!(choose(None, free).unwrap(), free);
    }
}
