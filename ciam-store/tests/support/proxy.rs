//! A proxy before a server, which can hold back what the server says and change what the client says.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// What the proxy does to new requests.
#[derive(Debug, Default)]
pub(crate) struct Wishes {
    /// Let the client hear nothing before it has said COMMIT.
    pub(crate) mute_until_commit: AtomicBool,
    /// Spell BEGIN wrongly.
    pub(crate) spoil_begin: AtomicBool,
    /// Close the connection when the client says COMMIT: before the server has heard it (1), or after (2).
    pub(crate) cut_at_commit: AtomicUsize,
}

/// Starts a proxy to a server; answers its address and what it is to do.
pub(crate) async fn before(server: SocketAddr) -> (SocketAddr, Arc<Wishes>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, wishes) = (listener.local_addr().unwrap(), Arc::<Wishes>::default());
    let theirs = Arc::clone(&wishes);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(between(client, TcpStream::connect(server).await.unwrap(), Arc::clone(&theirs)));
        }
    });
    (address, wishes)
}

async fn between(client: TcpStream, server: TcpStream, wishes: Arc<Wishes>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let committed = Arc::new(Notify::new());
    let (said, muted) = (Arc::clone(&committed), Arc::clone(&wishes));
    let up = async move {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(length @ 1..) = from_client.read(&mut buffer).await {
            let request = &mut buffer[..length];
            if wishes.spoil_begin.load(Ordering::SeqCst)
                && let Some(at) = find(request, b"BEGIN ")
            {
                request[at] = b'X';
            }
            let commits = find(request, b"COMMIT").is_some();
            let cut = if commits { wishes.cut_at_commit.swap(0, Ordering::SeqCst) } else { 0 };
            if cut == 1 {
                break;
            }
            to_server.write_all(request).await.unwrap();
            if commits {
                wishes.mute_until_commit.store(false, Ordering::SeqCst);
                said.notify_one();
            }
            if cut == 2 {
                // The server goes on with what it has heard; the client hears nothing of it.
                return Some(to_server);
            }
        }
        None
    };
    let down = async move {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(length @ 1..) = from_server.read(&mut buffer).await {
            if muted.mute_until_commit.load(Ordering::SeqCst) {
                committed.notified().await;
            }
            if to_client.write_all(&buffer[..length]).await.is_err() {
                break;
            }
        }
    };
    tokio::select! {
        open = up => drop(open),
        () = down => {}
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
