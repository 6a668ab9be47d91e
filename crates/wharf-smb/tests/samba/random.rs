//! Whatever is done with a file, it holds what a copy in memory holds.

use std::{
    fs::{self, File, OpenOptions},
    os::unix::fs::FileExt as _,
    thread,
};

use crate::{
    Test,
    mounted::{Mounted, wish},
    server::Samba,
};

pub(crate) const TESTS: &[Test] = &[("random::files_hold_what_was_done_to_them", random)];

const OPERATIONS: u32 = 700;
const SIZE_MAX: u64 = 3_000_000;

/// Numbers that look random and are the same every time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    fn length(&mut self) -> usize {
        let odd = self.below(400_000) + 1;
        let lengths = [1, 7, 4096, 5000, 65_536, odd];
        usize::try_from(lengths[usize::try_from(self.below(6)).unwrap()]).unwrap()
    }
}

fn random() {
    let samba = Samba::start();
    let mount = Mounted::new(&wish(&samba, "docs"));
    // Several at a time: their calls share one connection.
    thread::scope(|scope| {
        for seed in 1..=3_u64 {
            let (mount, samba) = (&mount, &samba);
            scope.spawn(move || one_file(mount, samba, seed));
        }
    });
    assert!(mount.log().is_empty(), "{}", mount.log());
}

fn one_file(mount: &Mounted, samba: &Samba, seed: u64) {
    let mut numbers = Numbers(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let name = format!("file-{seed}");
    let open = || -> File {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        options.open(mount.file(&name)).unwrap()
    };
    let (mut file, mut copy) = (open(), Vec::<u8>::new());
    for step in 0..OPERATIONS {
        let at = numbers.below(SIZE_MAX);
        let start = usize::try_from(at).unwrap();
        match numbers.below(20) {
            0..8 => {
                let byte = u8::try_from(numbers.below(256)).unwrap();
                let length = numbers.length();
                let data: Vec<u8> =
                    (0..251).map(|index| byte.wrapping_add(index)).cycle().take(length).collect();
                file.write_all_at(&data, at).unwrap();
                copy.resize(copy.len().max(start + length), 0);
                copy[start..start + length].copy_from_slice(&data);
            }
            8..14 => {
                let mut read = vec![0; numbers.length()];
                let mut count = 0;
                while count < read.len() {
                    let more = file.read_at(&mut read[count..], at + count as u64).unwrap();
                    if more == 0 {
                        break;
                    }
                    count += more;
                }
                let end = (start + read.len()).min(copy.len());
                let held = copy.get(start..end).unwrap_or_default();
                assert!(read[..count] == *held, "file {seed}, step {step}: {at} differs");
            }
            14..16 => {
                file.set_len(at).unwrap();
                copy.resize(start, 0);
            }
            16 => file.sync_all().unwrap(),
            17 => file = open(),
            18 => {
                fs::rename(mount.file(&name), mount.file(&format!("{name}-moved"))).unwrap();
                fs::rename(mount.file(&format!("{name}-moved")), mount.file(&name)).unwrap();
            }
            _ => assert_eq!(file.metadata().unwrap().len(), copy.len() as u64, "step {step}"),
        }
    }
    file.sync_all().unwrap();
    assert!(fs::read(mount.file(&name)).unwrap() == copy, "file {seed} differs");
    assert!(fs::read(samba.file(&name)).unwrap() == copy, "file {seed} differs there");
}
