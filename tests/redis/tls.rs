//! A Redis whose certificate is of an authority of one's own.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ciam::Redis;
use ciam::store::Backend as _;

use crate::server::Server;

fn openssl(folder: &Path, line: &str) {
    let done = Command::new("openssl").args(line.split_whitespace()).current_dir(folder).stdin(Stdio::null()).output();
    let done = done.unwrap();
    assert!(done.status.success(), "{line}: {}", String::from_utf8_lossy(&done.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_an_authority_of_ones_own_is_trusted_where_the_url_names_it() {
    if std::env::var_os("CIAM_TEST_REDIS").is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    for authority in ["ours", "another"] {
        openssl(
            &path,
            &format!("req -x509 {key} -keyout {authority}.key -out {authority}.pem -days 2 -subj /CN={authority}"),
        );
    }
    openssl(&path, &format!("req {key} -keyout server.key -out server.csr -subj /CN=redis"));
    std::fs::write(path.join("names"), "subjectAltName=DNS:localhost,IP:127.0.0.1\n").unwrap();
    let signed =
        "x509 -req -in server.csr -CA ours.pem -CAkey ours.key -CAcreateserial -out server.pem -days 2 -extfile names";
    openssl(&path, signed);
    let file = |name: &str| path.join(name).to_str().unwrap().to_owned();
    let tls = |port| {
        format!("--port 0 --tls-port {port} --tls-auth-clients no --tls-cert-file server.pem --tls-key-file server.key")
    };
    let Some((_server, port)) = Server::with(folder, tls) else { return };

    let at = |parameters: &str| Redis::from_url(&format!("rediss://127.0.0.1:{port}/1{parameters}")).unwrap();
    let trusting = at(&format!("?sslrootcert={}", file("ours.pem"))).counters();
    let started = Instant::now();
    while let Err(refused) = trusting.ping().await {
        assert!(started.elapsed() < Duration::from_secs(30), "{refused:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    for distrusting in ["".to_owned(), format!("?sslrootcert={}", file("another.pem"))] {
        let refused = at(&distrusting).counters().ping().await.unwrap_err();
        let said = ciam::with_causes(&refused);
        assert!(said.contains("certificate"), "{said}");
    }
}
