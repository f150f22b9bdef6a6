//! The master key of a site in development, in a file: beside its database, where that is one.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::MasterKey;
use crate::ciam::BuildError;
use crate::entropy::Entropy;

/// The key in this file, which is made if there is none; a passing one without a file.
pub(crate) fn key(file: Option<&Path>, entropy: &dyn Entropy) -> Result<MasterKey, BuildError> {
    let Some(file) = file else { return Ok(MasterKey::generate(entropy)) };
    match read(file) {
        Err(BuildError::KeyFile(error)) if error.kind() == ErrorKind::NotFound => {}
        found => return found,
    }
    let key = MasterKey::generate(entropy);
    let mut drawn = [0; 8];
    entropy.fill(&mut drawn);
    let partial = beside(file, &format!(".{:016x}", u64::from_be_bytes(drawn)));
    match publish(&partial, file, key.expose().expose()) {
        Ok(()) => Ok(key),
        // Another process was quicker: its key is the key.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => read(file),
        Err(error) => Err(BuildError::KeyFile(error)),
    }
}

/// The file that holds the master key of a site in development whose database this is: `shop.db.key` for `shop.db`.
#[must_use]
pub fn key_file(database: &Path) -> PathBuf {
    beside(database, ".key")
}

fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn read(file: &Path) -> Result<MasterKey, BuildError> {
    Ok(MasterKey::parse(&std::fs::read_to_string(file).map_err(BuildError::KeyFile)?)?)
}

/// Writes a file that only its owner can read under a name that was not there, and then gives it its own name,
/// unless that is there by now: nobody ever reads half a key, and no key is ever overwritten.
fn publish(partial: &Path, file: &Path, text: &str) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut handle = options.open(partial)?;
    let written = handle.write_all(text.as_bytes()).and_then(|()| handle.sync_all());
    let linked = written.and_then(|()| std::fs::hard_link(partial, file));
    std::fs::remove_file(partial)?;
    linked
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SystemEntropy;

    #[test]
    fn a_key_is_made_once_and_only_its_owner_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = key_file(&folder.path().join("app.db"));
        let entropy = SystemEntropy::new();
        let keys: Vec<String> = std::thread::scope(|scope| {
            let makers: Vec<_> = (0..16).map(|_| scope.spawn(|| key(Some(&file), &entropy).unwrap())).collect();
            makers.into_iter().map(|maker| maker.join().unwrap().expose().expose().clone()).collect()
        });
        assert!(keys.iter().all(|made| *made == keys[0]), "sixteen that start at once have one key");
        let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
        assert_eq!(files, ["app.db.key"]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(folder.path().join("app.db.key")).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        std::fs::write(&file, "no key").unwrap();
        assert!(matches!(key(Some(&file), &entropy), Err(BuildError::KeyFileContent(_))));
    }
}
