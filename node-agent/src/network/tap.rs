//! A guest's end of its network: a persistent tap device in the namespace of its VPC.
//!
//! Persistent, so that rules, routes and neighbours stay while no hypervisor holds it, and a guest that starts again finds them.
//! Everything here acts in the *calling thread's* network namespace.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::libc;

/// Opens the tap `name`, for a hypervisor to be handed the descriptor; it is made if it is not there, but then vanishes with the
/// descriptor. One queue, no packet information, virtio-net headers.
pub fn open(name: &str) -> io::Result<OwnedFd> {
    attach(name).map(OwnedFd::from)
}

/// Makes the tap `name` and leaves it there.
pub fn ensure(name: &str) -> io::Result<()> {
    let file = match attach(name) {
        // A hypervisor holds it, so it exists.
        Err(error) if error.raw_os_error() == Some(libc::EBUSY) => return Ok(()),
        file => file?,
    };
    persist(&file)
}

fn attach(name: &str) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).open("/dev/net/tun")?;
    tun_set_iff(&file, &mut request(name)?)?;
    Ok(file)
}

fn request(name: &str) -> io::Result<libc::ifreq> {
    let mut ifr_name = [0; libc::IFNAMSIZ];
    if name.is_empty() || name.len() >= ifr_name.len() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "an interface's name has 1 to 15 bytes"));
    }
    for (to, from) in ifr_name.iter_mut().zip(name.bytes()) {
        *to = libc::c_char::from_ne_bytes([from]);
    }
    let flags = libc::IFF_TAP | libc::IFF_NO_PI | libc::IFF_VNET_HDR;
    let ifru_flags = libc::c_short::try_from(flags).map_err(io::Error::other)?;
    Ok(libc::ifreq { ifr_name, ifr_ifru: libc::__c_anonymous_ifr_ifru { ifru_flags } })
}

mod ioctl {
    // TUNSETIFF and TUNSETPERSIST of linux/if_tun.h. The header declares both with `int`, so the size in the request code is 4,
    // whatever the argument is.
    nix::ioctl_readwrite_bad!(tunsetiff, nix::request_code_write!(b'T', 202, 4), nix::libc::ifreq);
    nix::ioctl_write_int_bad!(tunsetpersist, nix::request_code_write!(b'T', 203, 4));
}

#[expect(unsafe_code, reason = "no safe wrapper exists for TUNSETIFF")]
fn tun_set_iff(file: &File, request: &mut libc::ifreq) -> io::Result<()> {
    // SAFETY: the descriptor is open for the whole call, `request` is a fully initialised ifreq with a terminated name, borrowed
    // mutably since the kernel writes it back.
    unsafe { ioctl::tunsetiff(file.as_raw_fd(), request) }?;
    Ok(())
}

#[expect(unsafe_code, reason = "no safe wrapper exists for TUNSETPERSIST")]
fn persist(file: &File) -> io::Result<()> {
    // SAFETY: the descriptor is open for the whole call; the argument is a plain integer.
    unsafe { ioctl::tunsetpersist(file.as_raw_fd(), 1) }?;
    Ok(())
}
