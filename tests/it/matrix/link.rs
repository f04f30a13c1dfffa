//! The way between a cockpit and a server: a TCP proxy that can be cut, at once or after so many bytes.

use std::{
    io::{self, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

/// The proxy; its threads end with the connections.
pub struct Link {
    state: Arc<Mutex<State>>,
    address: SocketAddr,
}

#[derive(Default)]
struct State {
    open: Vec<TcpStream>,
    /// Bytes towards the server since [`Link::count_anew`].
    sent: u64,
    /// After how many of them everything is cut, once.
    cut_after: Option<u64>,
    /// Nothing is let through any more.
    closed: bool,
}

impl State {
    fn cut(&mut self) {
        for stream in self.open.drain(..) {
            // One that has ended already needs no end.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Link {
    /// Opens a port of loopback that leads to `server`.
    pub fn to(server: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            while let Ok((near, _)) = listener.accept() {
                if lock(&shared).closed {
                    break;
                }
                // A server that is gone refuses: the near end is closed by being dropped.
                if let Ok(far) = TcpStream::connect(server) {
                    // Without their second halves there is no connection: both are dropped.
                    let _ = join(&shared, near, far);
                }
            }
        });
        Ok(Self { state, address })
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Cuts all connections; new ones are let through.
    pub fn cut(&self) {
        lock(&self.state).cut();
    }

    /// Counts the bytes towards the server from here on, and cuts once after `cut_after` of them.
    pub fn count_anew(&self, cut_after: Option<u64>) {
        let mut state = lock(&self.state);
        state.sent = 0;
        state.cut_after = cut_after;
    }

    /// How many bytes went towards the server.
    pub fn sent(&self) -> u64 {
        lock(&self.state).sent
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        {
            let mut state = lock(&self.state);
            state.closed = true;
            state.cut();
        }
        // Wakes the one that accepts; it may have ended.
        let _ = TcpStream::connect(self.address);
    }
}

fn join(state: &Arc<Mutex<State>>, near: TcpStream, far: TcpStream) -> io::Result<()> {
    let ends = [near.try_clone()?, far.try_clone()?];
    lock(state).open.extend(ends);
    let (from_near, to_far) = (near.try_clone()?, far.try_clone()?);
    let counting = Arc::clone(state);
    thread::spawn(move || copy(from_near, to_far, Some(&counting)));
    thread::spawn(move || copy(far, near, None));
    Ok(())
}

/// Copies until either end is gone, and takes the other with it.
fn copy(mut from: TcpStream, mut to: TcpStream, count: Option<&Mutex<State>>) {
    let mut buffer = [0; 16384];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        let mut let_through = read;
        if let Some(state) = count {
            let mut state = lock(state);
            if let Some(limit) = state.cut_after {
                let left = usize::try_from(limit.saturating_sub(state.sent)).unwrap_or(usize::MAX);
                let_through = read.min(left);
            }
            state.sent += let_through as u64;
        }
        if to.write_all(&buffer[..let_through]).is_err() {
            break;
        }
        if let (true, Some(state)) = (let_through < read, count) {
            let mut state = lock(state);
            state.cut_after = None;
            state.cut();
            break;
        }
    }
    // Either may be gone already.
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
