//! The DHCP responder of one VPC's namespace.
//!
//! Owns: one socket for all taps. It leases nothing: each tap has its address for as long as the interface exists, so there is no
//! state, and a request is answered at once, without a probe for who else might have the address: nobody can.
//!
//! A reply to a client that has no address yet is unicast to the address it is offered: the namespace has a permanent neighbour and a
//! route for it, so no ARP is needed. Clients that ask for a broadcast get one, on their tap only.

mod reply;

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::Arc;

use dhcproto::Encodable;
use nix::libc::{in_addr, in_pktinfo};
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, SockaddrIn, recvmsg, sendmsg, setsockopt, sockopt};
use tokio::io::Interest;
use tokio::sync::watch;

use super::services::View;
use reply::{Lease, Reply};

const CLIENT: u16 = 68;
const SERVER: u16 = 67;
/// Some clients throw away what is shorter than a BOOTP message.
const SHORTEST: usize = 300;

/// A socket for [`serve`], in the calling thread's namespace.
pub fn socket() -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, SERVER))?;
    socket.set_broadcast(true)?;
    socket.set_nonblocking(true)?;
    setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?;
    Ok(socket)
}

/// Answers until the sender of `view` is gone.
pub async fn serve(socket: tokio::net::UdpSocket, mut view: watch::Receiver<Arc<View>>) {
    loop {
        let received = tokio::select! {
            received = socket.async_io(Interest::READABLE, || receive(&socket)) => received,
            changed = view.changed() => match changed {
                Ok(()) => continue,
                Err(_) => return,
            },
        };
        let Ok((packet, link)) = received else { continue };
        let view = Arc::clone(&view.borrow());
        if let Some(reply) = answer(&packet, link, &view) {
            // A full queue loses one answer; the client asks again.
            drop(socket.async_io(Interest::WRITABLE, || send(&socket, &reply, link)).await);
        }
    }
}

fn answer(packet: &[u8], link: u32, view: &View) -> Option<Reply> {
    let interface = view.plan.interfaces.get(view.taps.get(&link)?)?;
    let request = reply::decode(packet)?;
    let lease = Lease { interface, options: &view.plan.dhcp, mtu: view.mtu, seconds: view.lease_seconds };
    reply::reply(&request, &lease)
}

fn receive(socket: &tokio::net::UdpSocket) -> io::Result<(Vec<u8>, u32)> {
    let mut packet = vec![0; 1500];
    let mut control = nix::cmsg_space!(in_pktinfo);
    let mut slices = [IoSliceMut::new(&mut packet)];
    let message = recvmsg::<SockaddrIn>(socket.as_raw_fd(), &mut slices, Some(&mut control), MsgFlags::empty())?;
    let link = message.cmsgs()?.find_map(|message| match message {
        ControlMessageOwned::Ipv4PacketInfo(info) => u32::try_from(info.ipi_ifindex).ok(),
        _ => None,
    });
    let length = message.bytes;
    packet.truncate(length);
    Ok((packet, link.ok_or_else(|| io::Error::other("no packet information"))?))
}

/// From the gateway's address, out of the tap the request came in by.
fn send(socket: &tokio::net::UdpSocket, reply: &Reply, link: u32) -> io::Result<()> {
    let mut packet = reply.message.to_vec().map_err(io::Error::other)?;
    packet.resize(packet.len().max(SHORTEST), 0);
    let source = in_addr { s_addr: u32::from_ne_bytes(reply.source.octets()) };
    let ipi_ifindex = link.try_into().map_err(io::Error::other)?;
    let info = in_pktinfo { ipi_ifindex, ipi_spec_dst: source, ipi_addr: in_addr { s_addr: 0 } };
    let to = SockaddrIn::from(SocketAddrV4::new(reply.to, CLIENT));
    sendmsg(socket.as_raw_fd(), &[IoSlice::new(&packet)], &[ControlMessage::Ipv4PacketInfo(&info)], MsgFlags::empty(), Some(&to))?;
    Ok(())
}
