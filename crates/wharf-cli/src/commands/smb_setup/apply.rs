//! Having this host's Samba do it.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use camino::Utf8Path;

use super::config::{self, DIRECTORY, File, INCLUDE, Login, SMB_CONF, USER_ADD};
use crate::{error::CliError, output};

pub(super) fn apply(logins: &[Login<'_>], files: &[File]) -> Result<(), CliError> {
    let conf = fs_err::read_to_string(SMB_CONF).map_err(|_| {
        CliError::usage_hint(
            format!("{SMB_CONF} cannot be read"),
            "install Samba (Debian: apt-get install samba) and run this as root",
        )
    })?;
    remove_accounts_but(logins)?;
    for file in files {
        output::host_file(&file.path, &file.text)?;
    }
    for Login { account, key } in logins {
        let user = account.user();
        if !runs("id", &["-u", &user]) {
            let args = [USER_ADD.as_slice(), &[user.as_str()]].concat();
            must("useradd", &args, None)?;
        }
        must("smbpasswd", &["-s", "-a", &user], Some(&format!("{key}\n{key}\n")))?;
    }
    if !conf.lines().any(|line| line.trim() == INCLUDE) {
        output::host_file(Utf8Path::new(SMB_CONF), &format!("{}\n{INCLUDE}\n", conf.trim_end()))?;
    }
    if !runs("smbcontrol", &["all", "reload-config"]) {
        output::note("Samba does not run; it reads this when it is started");
    }
    Ok(())
}

/// Accounts that are not served any more have no file and no password.
fn remove_accounts_but(logins: &[Login<'_>]) -> Result<(), CliError> {
    let directory = Utf8Path::new(DIRECTORY).join("accounts");
    for entry in directory.read_dir_utf8().into_iter().flatten().flatten() {
        let Some(name) = entry.file_name().strip_suffix(".conf") else { continue };
        if logins.iter().any(|login| login.account.name == name) {
            continue;
        }
        fs_err::remove_file(entry.path()).map_err(CliError::output(entry.path()))?;
        let user = config::user(name);
        if let Err(said) = run("smbpasswd", &["-x", &user], None) {
            output::note(&format!("the password of {user} could not be removed: {said}"));
        }
    }
    Ok(())
}

fn must(program: &str, args: &[&str], input: Option<&str>) -> Result<(), CliError> {
    run(program, args, input).map_err(|said| {
        let message = format!("`{program} {}` failed: {said}", args.join(" "));
        CliError::usage_hint(message, "run this as root, on the host that has Samba")
    })
}

fn runs(program: &str, args: &[&str]) -> bool {
    run(program, args, None).is_ok()
}

/// Has a program do something. The error is what it has to say of its failure.
fn run(program: &str, args: &[&str], input: Option<&str>) -> Result<(), String> {
    let output = || {
        let mut child = Command::new(program)
            .args(args)
            .stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
            stdin.write_all(input.as_bytes())?;
        }
        child.wait_with_output()
    };
    let output = output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::{must, runs};

    #[test]
    fn a_program_that_fails_is_told_with_what_it_says() {
        assert!(runs("true", &[]) && !runs("no-such-program", &[]));
        must("sh", &["-c", "read line && test \"$line\" = key"], Some("key\n")).unwrap();
        let failed = must("sh", &["-c", "echo not today >&2; exit 1"], None).unwrap_err();
        assert!(failed.to_string().contains("failed: not today"), "{failed}");
    }
}
