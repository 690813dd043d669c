//! What can not be undone is asked about first.

use std::io::{BufRead, IsTerminal, Write};

use crate::Failure;

/// Goes on only where somebody says `yes` to `question`, or has said so already.
pub fn confirm(yes: bool, question: &str) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(format!("{question}\nNobody can be asked here: say --yes to mean it.").into());
    }
    let mut stderr = std::io::stderr().lock();
    write!(stderr, "{question}\nType `yes` to go on: ")?;
    stderr.flush()?;
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer)?;
    if answer.trim() == "yes" { Ok(()) } else { Err("nothing was changed".into()) }
}
