//! Kernel modules as a kernel's package ships them: found by name, unpacked, in the order they must be loaded.
//!
//! `modules.dep` is made when a kernel is installed, which this one is not. Each module names what it depends on itself.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Error, tool};

pub struct Module {
    /// `virtio_blk`
    pub name: String,
    pub bytes: Vec<u8>,
}

pub struct Modules {
    /// The kernel's version, as `uname -r` has it.
    pub version: String,
    files: Vec<PathBuf>,
    /// Of what is in the kernel itself, by name.
    builtin: BTreeSet<String>,
}

impl Modules {
    /// The modules of the one kernel whose package was unpacked into `packages`.
    pub fn of(packages: &Path) -> Result<Self, Error> {
        let none = || Error::Unexpected("the kernel's package has no modules".into());
        let parents = [packages.join("usr/lib/modules"), packages.join("lib/modules")];
        let folder = parents.iter().find_map(|parent| fs::read_dir(parent).ok()?.next()?.ok()).ok_or_else(none)?.path();
        let mut files = Vec::new();
        walk(&folder.join("kernel"), &mut files).map_err(Error::io(format!("listing {}", folder.display())))?;
        let list = fs::read_to_string(folder.join("modules.builtin")).map_err(Error::io("reading modules.builtin"))?;
        let builtin = list.lines().map(|path| module_name(Path::new(path))).collect();
        Ok(Self { version: folder.file_name().unwrap_or_default().to_string_lossy().into_owned(), files, builtin })
    }

    /// These modules and what they depend on, each after what it needs. What is in the kernel itself is left out.
    pub async fn in_load_order(&self, names: &[&str]) -> Result<Vec<Module>, Error> {
        let mut ordered: Vec<Module> = Vec::new();
        // Depth first; a module is pushed back below its dependencies once they are known.
        let mut open: Vec<(String, Option<Vec<u8>>)> = names.iter().rev().map(|name| (normal(name), None)).collect();
        while let Some((name, bytes)) = open.pop() {
            if ordered.iter().any(|module| module.name == name) || self.builtin.contains(&name) {
                continue;
            }
            if let Some(bytes) = bytes {
                ordered.push(Module { name, bytes });
                continue;
            }
            let bytes = self.read(&name).await?;
            let needs = depends(&bytes);
            if open.iter().any(|(above, bytes)| bytes.is_some() && needs.contains(above)) {
                return Err(Error::Unexpected(format!("kernel module {name} depends on itself")));
            }
            open.push((name, Some(bytes)));
            open.extend(needs.into_iter().map(|need| (need, None)));
        }
        Ok(ordered)
    }

    async fn read(&self, name: &str) -> Result<Vec<u8>, Error> {
        let file = self.files.iter().find(|file| module_name(file) == name);
        let file = file.ok_or_else(|| Error::Unexpected(format!("the kernel's package has no module {name}")))?;
        let bytes = fs::read(file).map_err(Error::io(format!("reading {}", file.display())))?;
        if file.extension().is_some_and(|extension| extension == "xz") {
            return tool::XZ.run(Duration::from_mins(1))?.arg("-dc").input(bytes).output().await;
        }
        Ok(bytes)
    }
}

/// `…/xen-blkfront.ko.xz` is `xen_blkfront`: the kernel does not tell dash from underscore.
fn module_name(file: &Path) -> String {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    normal(name.split(".ko").next().unwrap_or_default())
}

fn normal(name: &str) -> String {
    name.replace('-', "_")
}

/// The `depends=` record of the section `.modinfo`, whose records end with a zero byte.
fn depends(module: &[u8]) -> Vec<String> {
    let records = module.split(|byte| *byte == 0);
    let listed = records.filter_map(|record| record.strip_prefix(b"depends=")).find_map(|list| std::str::from_utf8(list).ok());
    listed.unwrap_or_default().split(',').filter(|name| !name.is_empty()).map(normal).collect()
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            walk(&entry.path(), files)?;
        } else {
            files.push(entry.path());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kernel(modules: &[(&str, &str)], builtin: &str) -> (tempfile::TempDir, Modules) {
        let packages = tempfile::tempdir().expect("a folder");
        let folder = packages.path().join("lib/modules/6.1.0-1-cloud-amd64");
        fs::create_dir_all(folder.join("kernel/drivers")).expect("folders");
        fs::write(folder.join("modules.builtin"), builtin).expect("builtin");
        for (name, needs) in modules {
            fs::write(folder.join("kernel/drivers").join(format!("{name}.ko")), format!("\0license=GPL\0depends={needs}\0"))
                .expect("module");
        }
        let modules = Modules::of(packages.path()).expect("modules");
        (packages, modules)
    }

    #[tokio::test]
    async fn each_module_comes_after_what_it_needs() {
        let (_folder, modules) = kernel(&[("a-b", "c,d"), ("c", "d,core"), ("d", "")], "kernel/core.ko\n");
        let order = modules.in_load_order(&["a-b", "d"]).await.expect("ordered");
        assert_eq!(order.iter().map(|module| module.name.as_str()).collect::<Vec<_>>(), ["d", "c", "a_b"]);
        assert_eq!(modules.version, "6.1.0-1-cloud-amd64");
    }

    #[tokio::test]
    async fn a_missing_module_and_a_circle_are_errors() {
        let (_folder, modules) = kernel(&[("a", "b"), ("b", "a"), ("c", "gone")], "");
        assert!(modules.in_load_order(&["a"]).await.is_err());
        let error = modules.in_load_order(&["c"]).await.err().expect("an error").to_string();
        assert!(error.contains("gone"), "{error}");
    }
}
