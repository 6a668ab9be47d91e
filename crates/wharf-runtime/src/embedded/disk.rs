//! The disk quota of a group: writable layers, volumes and logs of its containers together.
//!
//! Project quotas of the kernel would be exact, but need a file system that was made and mounted
//! for them, and a kernel built with them. So usage is accounted by looking, once a second at most,
//! and a group that is over its quota has its containers killed: it can be over by what is written
//! in a second or two. A group is measured only when the file system has grown enough since the
//! last time for the quota to be near, or after a minute, so watching costs one `statvfs` as long as
//! nobody writes much. When the disk itself is nearly full the largest group goes first.

use std::{
    collections::{HashMap, HashSet},
    io,
    os::unix::fs::MetadataExt as _,
    time::Duration,
};

use camino::{Utf8Path, Utf8PathBuf};
use nix::sys::statvfs::statvfs;
use wharf_model::GroupId;

use super::Embedded;

const PERIOD: Duration = Duration::from_secs(1);
/// Looks at the file system after which a group is measured in any case.
const LOOKS_MAX: u64 = 60;
/// The disk is nearly full below this, in bytes, or a twentieth of it if that is less.
const FLOOR: u64 = 1 << 30;

/// What is known of the groups' disk use.
#[derive(Debug, Default)]
struct Watch {
    looks: u64,
    /// How much the file system has grown in all since the first look, in bytes.
    grown: u64,
    used: u64,
    groups: HashMap<GroupId, Measured>,
}

/// One group at its last measurement.
#[derive(Clone, Copy, Debug)]
struct Measured {
    bytes: u64,
    grown: u64,
    looks: u64,
}

/// The file system of the groups, in bytes.
#[derive(Clone, Copy, Debug)]
struct Space {
    total: u64,
    used: u64,
    available: u64,
}

impl Embedded {
    /// Watches for as long as the daemon runs.
    pub(super) fn watch_disk(&self, quota_bytes: u64) {
        let embedded = self.clone();
        tokio::spawn(async move {
            let mut watch = Watch::default();
            let mut period = tokio::time::interval(PERIOD);
            period.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                period.tick().await;
                let storages = embedded.layout.storages();
                let looking = tokio::task::spawn_blocking(move || {
                    let over = watch.look(&storages, quota_bytes);
                    (watch, over)
                });
                let Ok((next, over)) = looking.await else { return };
                watch = next;
                for (id, message) in over {
                    embedded.kill_containers(&id, &message, |_| true).await;
                }
            }
        });
    }
}

impl Watch {
    /// The groups that have to end, and why.
    fn look(&mut self, storages: &Utf8Path, quota: u64) -> Vec<(GroupId, String)> {
        let (Ok(space), Ok(entries)) = (space(storages), storages.read_dir_utf8()) else {
            return Vec::new();
        };
        self.looks += 1;
        if self.looks > 1 {
            self.grown += space.used.saturating_sub(self.used);
        }
        self.used = space.used;
        let floor = FLOOR.min(space.total / 20);
        let is_nearly_full = space.available < floor;
        let ids: HashSet<GroupId> =
            entries.flatten().filter_map(|entry| GroupId::parse(entry.file_name())).collect();
        self.groups.retain(|id, _| ids.contains(id));
        let mut over = Vec::new();
        for id in ids {
            let known = self.groups.get(&id).copied();
            let is_due = known.is_none_or(|known| {
                known.bytes.saturating_add(self.grown - known.grown) >= quota
                    || self.looks - known.looks >= LOOKS_MAX
            });
            if !(is_due || is_nearly_full) {
                continue;
            }
            let bytes = measure(&storages.join(id.as_str()));
            self.groups
                .insert(id.clone(), Measured { bytes, grown: self.grown, looks: self.looks });
            if bytes > quota {
                over.push((id, over_quota(quota)));
            }
        }
        if is_nearly_full && over.is_empty() {
            over.extend(self.largest(space.total / 20));
        }
        over
    }

    /// The largest group, if it is the reason for the disk being full.
    fn largest(&self, least: u64) -> Option<(GroupId, String)> {
        let (id, measured) = self.groups.iter().max_by_key(|(_, measured)| measured.bytes)?;
        let message = "The disk of the host is nearly full and this container group uses most of \
                       it; killing container.";
        (measured.bytes >= least).then(|| (id.clone(), message.to_owned()))
    }
}

/// The text has no measured number in it, so that repeats are counted as one event.
fn over_quota(quota: u64) -> String {
    format!(
        "The container group uses more disk than its quota of {} MiB; killing container.",
        quota >> 20
    )
}

fn space(path: &Utf8Path) -> io::Result<Space> {
    let found = statvfs(path.as_std_path())?;
    let unit = found.fragment_size();
    Ok(Space {
        total: found.blocks() * unit,
        used: (found.blocks() - found.blocks_free()) * unit,
        available: found.blocks_available() * unit,
    })
}

/// The bytes on disk below a directory. What cannot be reached because it is nested deeper than a
/// path can say counts as everything: nothing but an attempt to hide it looks like that.
fn measure(directory: &Utf8Path) -> u64 {
    let mut seen = HashSet::new();
    let mut bytes = 0_u64;
    let mut left: Vec<Utf8PathBuf> = vec![directory.to_owned()];
    while let Some(directory) = left.pop() {
        let entries = match std::fs::read_dir(&directory) {
            Ok(entries) => entries,
            Err(error) if error.raw_os_error() == Some(nix::libc::ENAMETOOLONG) => return u64::MAX,
            // Removed meanwhile.
            Err(_) => continue,
        };
        for entry in entries.flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            let is_new = metadata.nlink() < 2 || metadata.is_dir() || seen.insert(metadata.ino());
            bytes = bytes.saturating_add(if is_new { metadata.blocks() * 512 } else { 0 });
            if metadata.is_dir() {
                match Utf8PathBuf::from_path_buf(entry.path()) {
                    Ok(path) => left.push(path),
                    // A name that is no text would hide what is below.
                    Err(path) => bytes = bytes.saturating_add(measure_raw(&path)),
                }
            }
        }
    }
    bytes
}

/// As [`measure`], one level, for directories whose name is not UTF-8.
fn measure_raw(directory: &std::path::Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(directory) else { return 0 };
    let of_entry = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => measure_raw(&entry.path()),
        Ok(metadata) => metadata.blocks() * 512,
        Err(_) => 0,
    };
    entries.flatten().map(of_entry).fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(storages: &Utf8Path, number: u64, kib: usize) -> GroupId {
        let id = GroupId::from_bits(number);
        let dir = storages.join(id.as_str()).join("scratch/a b");
        fs_err::create_dir_all(&dir).unwrap();
        fs_err::write(dir.join("file"), vec![7; kib << 10]).unwrap();
        fs_err::hard_link(dir.join("file"), dir.join("again")).unwrap();
        id
    }

    #[test]
    fn who_is_over_the_quota_is_found_and_hard_links_count_once() {
        let dir = tempfile::tempdir().unwrap();
        let storages = Utf8Path::from_path(dir.path()).unwrap();
        let small = group(storages, 1, 400);
        let large = group(storages, 2, 3_000);
        let mut watch = Watch::default();
        let over = watch.look(storages, 2 << 20);
        assert_eq!(over.iter().map(|(id, _)| id).collect::<Vec<_>>(), [&large]);
        assert!((400 << 10..600 << 10).contains(&watch.groups[&small].bytes), "{watch:?}");
        fs_err::remove_dir_all(storages.join(large.as_str())).unwrap();
        assert!(watch.look(storages, 2 << 20).is_empty() && !watch.groups.contains_key(&large));
    }

    #[test]
    fn a_group_is_measured_when_the_disk_has_grown_enough() {
        let mut watch = Watch { looks: 10, grown: 100, ..Watch::default() };
        let dir = tempfile::tempdir().unwrap();
        let storages = Utf8Path::from_path(dir.path()).unwrap();
        let id = group(storages, 3, 64);
        let known = Measured { bytes: 0, grown: 100, looks: 10 };
        watch.used = space(storages).unwrap().used;
        watch.groups.insert(id.clone(), known);
        watch.look(storages, u64::MAX / 2);
        assert_eq!(watch.groups[&id].bytes, 0, "nothing has happened that could matter");
        watch.grown += u64::MAX / 2;
        watch.look(storages, u64::MAX / 2);
        assert!(watch.groups[&id].bytes >= 64 << 10);
    }
}
