//! Archives put together by hand, rightly or wrongly.

use index_snapshot::{Compression, Manifest};
use sha2::{Digest, Sha256};

use super::{archive, import, tiny};

/// An archive in parts, to be put together wrongly.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) entries: Vec<(String, tar::EntryType, Vec<u8>)>,
    pub(crate) after: Vec<u8>,
}

impl Parts {
    pub(crate) fn new(manifest: &Manifest, data: &[u8]) -> Parts {
        let version = manifest.meilisearch_version.clone().into_bytes();
        let json = serde_json::to_vec(manifest).unwrap();
        let mut parts = Parts { entries: Vec::new(), after: Vec::new() };
        let mut sums = String::new();
        for (name, content) in
            [("VERSION", version), ("metadata.json", json), ("data.mdb", data.to_vec())]
        {
            sums += &format!("{}  {name}\n", hex::encode(Sha256::digest(&content)));
            parts.push(name, content);
        }
        parts.push("SHA256SUMS", sums.into_bytes());
        parts
    }

    pub(crate) fn good() -> Parts {
        let (head, data) = import(&archive(&tiny(), Compression::None)).unwrap();
        Parts::new(&head.manifest, &data)
    }

    pub(crate) fn push(&mut self, name: &str, content: impl Into<Vec<u8>>) {
        self.entries.push((name.to_string(), tar::EntryType::Regular, content.into()));
    }

    pub(crate) fn tar(&self) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, entry_type, content) in &self.entries {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(*entry_type);
            header.set_size(content.len() as u64);
            header.set_mode(0o600);
            // The name as it is: `set_path` would tidy it.
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            if entry_type.is_symlink() {
                header.set_link_name("/etc/passwd").unwrap();
            }
            header.set_cksum();
            builder.append(&header, content.as_slice()).unwrap();
        }
        let mut bytes = builder.into_inner().unwrap();
        bytes.extend_from_slice(&self.after);
        bytes
    }

    pub(crate) fn changed(change: impl FnOnce(&mut Parts)) -> Vec<u8> {
        let mut parts = Parts::good();
        change(&mut parts);
        parts.tar()
    }
}
