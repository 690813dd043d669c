//! A serial console's text, told from when the guest booted.

use super::Config;
use super::guest::{Power, SimulatedGuest, passed};
use crate::hypervisor::CONSOLE_BYTES;

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
