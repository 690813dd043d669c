//! A serial console's text, told from when the guest booted; and a display, which sleeps.

use super::Config;
use super::guest::{Power, SimulatedGuest, passed};
use crate::hypervisor::CONSOLE_BYTES;
use crate::hypervisor::screen::{NoPicture, Pixels};

pub(super) fn render(instance_id: &str, guest: &SimulatedGuest, now: i64, config: &Config) -> Vec<u8> {
    let mut text = String::new();
    for (boot, since) in guest.boots.iter().enumerate() {
        text.push_str("[    0.000000] Linux version 6.1.0-freehold-simulated\r\n[    0.000000] Command line: console=ttyS0\r\n");
        let last = boot + 1 == guest.boots.len();
        if !last || passed(*since, now, config.boot_milliseconds) {
            text.extend(["\r\n", instance_id, " login: "]);
        }
        if !last || matches!(guest.power, Power::Off | Power::OffByItself) {
            text.push_str("\r\n[    9.999999] reboot: Power down\r\n");
        }
    }
    let from = text.len().saturating_sub(CONSOLE_BYTES);
    text.into_bytes().split_off(from)
}

const WIDTH: u16 = 720;
const HEIGHT: u16 = 400;

/// Dark while it sleeps, grey once a key has woken it.
pub(super) fn screen(wake_up: bool) -> Result<Vec<u8>, NoPicture> {
    let shade = if wake_up { 0xaa } else { 0 };
    let rgb = vec![shade; usize::from(WIDTH) * usize::from(HEIGHT) * 3];
    Pixels { width: WIDTH, height: HEIGHT, rgb: &rgb }.jpeg()
}
