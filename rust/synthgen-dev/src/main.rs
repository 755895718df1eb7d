//! The press: writes what is generated from the registry, or checks that it is up to date.
//!
//! `cargo dev write` writes, `cargo dev check` fails when a file on disk differs.

mod docs;
mod golden;
mod python;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use synthgen::registry;

/// A generated file: path from the root of the repository, and content.
type Page = (PathBuf, String);

fn pages(root: &Path) -> Result<Vec<Page>, String> {
    let mut pages = vec![python::index()];
    for entry in registry::all() {
        pages.push(python::module(entry));
        pages.push(golden::page(entry)?);
        pages.push(docs::task(root, entry)?);
    }
    pages.push(docs::index(root)?);
    pages.push(docs::levels(root)?);
    pages.push(docs::gallery(root)?);
    Ok(pages)
}

fn run(mode: &str) -> Result<bool, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut fresh = true;
    for (path, content) in pages(&root)? {
        let file = root.join(&path);
        let old = std::fs::read_to_string(&file).unwrap_or_default();
        if old == content {
            continue;
        }
        fresh = false;
        // A golden file may grow, but what it pins changes only together with the version in its first line.
        let pinned = path.extension().is_some_and(|extension| extension == "txt");
        if pinned && old.lines().next() == content.lines().next() && !content.starts_with(old.trim_end()) {
            return Err(format!("{}: the output changed; raise the task's VERSION", path.display()));
        }
        eprintln!("{} {}", if mode == "write" { "wrote" } else { "is out of date:" }, path.display());
        if mode == "write" {
            std::fs::write(&file, content).map_err(|error| format!("{}: {error}", path.display()))?;
        }
    }
    Ok(fresh || mode == "write")
}

fn main() -> ExitCode {
    let mode = std::env::args().nth(1).unwrap_or_default();
    if mode != "write" && mode != "check" {
        eprintln!("usage: cargo dev write | check");
        return ExitCode::from(2);
    }
    match run(&mode) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("run `make gen`; if the output of a task changed, raise its VERSION and write a CHANGELOG line");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
