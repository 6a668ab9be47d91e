//! Shares of Wharf's own for people: a Samba of the host's serves them (`wharf smb-setup`).

use std::{
    fs,
    process::{Command, Output},
};

use crate::{arm::clear, file_shares::Account, harness::Daemon};

/// What the host's own `/etc` would be changed by; this one is gone with the namespace.
const SCRIPT: &str = r#"
set -eu
dir=$1 port=$2 wharf=$3 key_one=$4 key_two=$5
mount -t tmpfs none "$dir/etc"
mkdir "$dir/etc/upper" "$dir/etc/work" "$dir/samba"
mount -t overlay none -o "lowerdir=/etc,upperdir=$dir/etc/upper,workdir=$dir/etc/work" /etc
{
  echo '[global]'
  echo "smb ports = $port"
  printf '%s\n' 'interfaces = lo' 'bind interfaces only = yes' 'load printers = no' 'disable netbios = yes'
  echo "log file = $dir/samba/log"
  echo "passdb backend = tdbsam:$dir/samba/passdb.tdb"
  for name in 'private dir' 'lock directory' 'state directory' 'cache directory' 'pid directory' 'ncalrpc dir'; do
    echo "$name = $dir/samba"
  done
  printf '%s\n' '[printers]' 'path = /tmp'
} > /etc/samba/smb.conf
"$wharf" smb-setup --apply --data-dir "$dir/d"
# Again, with nothing changed.
"$wharf" smb-setup --apply --data-dir "$dir/d"
grep -c wharf.conf /etc/samba/smb.conf
testparm -s > "$dir/samba/testparm" 2>&1
setsid smbd --foreground --no-process-group > /dev/null 2>&1 &
smbd=$!
trap 'kill $smbd' EXIT
tries=0
until smbclient -p "$port" -U "one%$key_one" //127.0.0.1/data -c 'put /proc/version from-people' > /dev/null 2>&1; do
  tries=$((tries + 1)); [ $tries -lt 120 ]; sleep 0.5
done
as() { smbclient -p "$port" -U "$1" "//127.0.0.1/$2" -c "$3" 2>&1; }
echo "one: $(as "one%$key_one" data 'get in -' | head -1)"
echo "two: $(as "two%$key_two" data 'get in -' | head -1)"
as "one%$key_one" data 'mkdir made; cd made; put /proc/version v; rename v w; ls' | grep -c ' w ' || true
echo "link: $(as "one%$key_one" data 'get out -' | grep -o 'NT_STATUS[A-Z_]*' | head -1)"
echo "wrong: $(as "one%$key_two" data ls | grep -o 'NT_STATUS[A-Z_]*')"
# An account that has gone has no way in.
"$wharf" smb-setup --apply --data-dir "$dir/d" --account one
echo "gone: $(as "two%$key_two" data ls | grep -o 'NT_STATUS[A-Z_]*')"
"#;

#[expect(clippy::print_stderr, reason = "a test that is skipped says why")]
fn is_possible() -> bool {
    let is_there = |path: &str| fs::exists(path).unwrap();
    let is_possible = is_there("/usr/sbin/smbd") && is_there("/usr/bin/smbclient");
    if !is_possible {
        eprintln!("skipped: smbd or smbclient is missing (scripts/bootstrap test)");
    }
    is_possible
}

#[test]
fn people_reach_their_shares_by_the_hosts_samba_with_account_and_key() {
    if !is_possible() {
        return;
    }
    let wharf = Daemon::start();
    let (one, two) = (Account::create(&wharf, "one"), Account::create(&wharf, "two"));
    let tree = |account: &str| wharf.dir().join(format!("d/shares/{account}/data/tree"));
    for (account, name) in [(&one, "one"), (&two, "two")] {
        assert_eq!(account.share("data"), 201);
        fs::write(tree(name).join("in"), format!("of {name}\n")).unwrap();
    }
    std::os::unix::fs::symlink("/etc/hostname", tree("one").join("out")).unwrap();
    let printed = wharf.ok(&["smb-setup"]);
    assert!(printed.contains("# /etc/samba/wharf/accounts/one.conf\n[data]\n"), "{printed}");
    assert!(printed.contains("smbpasswd -a wharf-two") && !printed.contains(&one.key(0)));
    let (_, said) = wharf.fails(&["smb-setup", "--account", "nobody"]);
    assert!(said.contains("there is no storage account 'nobody'"), "{said}");
    fs::create_dir(wharf.dir().join("etc")).unwrap();
    let port = crate::ports::free();
    let Output { status, stdout, stderr } = Command::new("unshare")
        .args(["--mount", "bash", "-c", SCRIPT, "bash"])
        .arg(wharf.dir())
        .args([&port.to_string(), env!("CARGO_BIN_EXE_wharf"), &one.key(0), &two.key(0)])
        .env("WHARF_ENDPOINT", wharf.endpoint())
        .output()
        .unwrap();
    let (told, said) = (String::from_utf8(stdout).unwrap(), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{told}{said}");
    assert_eq!(
        told,
        "1\none: of one\ntwo: of two\n1\nlink: NT_STATUS_OBJECT_NAME_NOT_FOUND\n\
         wrong: NT_STATUS_LOGON_FAILURE\n\
         gone: NT_STATUS_LOGON_FAILURE\n",
        "{said}"
    );
    // What people bring is like what requests and containers bring.
    let found = fs::metadata(tree("one").join("from-people")).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::mode(&found.permissions());
    assert_eq!((std::os::unix::fs::MetadataExt::uid(&found), mode & 0o777), (0, 0o777));
    assert!(tree("one").join("made/w").is_file());
    clear(&wharf, &one.home);
}
