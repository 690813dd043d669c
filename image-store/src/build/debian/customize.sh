#!/bin/sh
# Run by mmdebstrap when all packages are there: makes a machine that is nobody's yet. $1 is the image's root.
set -e
cd "$1"
echo 'LABEL=root / ext4 defaults,discard,errors=remount-ro 0 1' >etc/fstab
echo debian >etc/hostname
printf '127.0.0.1 localhost\n::1 localhost ip6-localhost\n' >etc/hosts
: >etc/machine-id
rm -f etc/ssh/ssh_host_* var/lib/dbus/machine-id var/lib/systemd/random-seed

kernel='console=tty0 console=ttyS0,115200n8 net.ifnames=0'
cat >etc/default/grub <<GRUB
GRUB_DEFAULT=0
GRUB_TIMEOUT=0
GRUB_DISTRIBUTOR=Debian
GRUB_CMDLINE_LINUX_DEFAULT=""
GRUB_CMDLINE_LINUX="$kernel"
GRUB_TERMINAL="serial console"
GRUB_SERIAL_COMMAND="serial --unit=0 --speed=115200"
GRUB_DISABLE_OS_PROBER=true
GRUB
version=$(ls boot | sed -n 's/^vmlinuz-//p' | sort -V | tail -n 1)
mkdir -p boot/grub
# Plain enough for Xen's pygrub, which knows `set root` in the form (hdN,…) only. A new kernel's update-grub writes it anew.
cat >boot/grub/grub.cfg <<GRUB
serial --unit=0 --speed=115200
terminal_input serial console
terminal_output serial console
set timeout=0
set default=0
menuentry "Debian" {
  set root=(hd0,gpt1)
  linux /boot/vmlinuz-$version root=LABEL=root ro $kernel
  initrd /boot/initrd.img-$version
}
GRUB

# cloud-init finds its data source itself; this only says how Debian does what EC2 asks for.
cat >etc/cloud/cloud.cfg.d/10-freehold.cfg <<'CLOUD'
system_info:
  network:
    renderers: [networkd]
ssh_genkeytypes: [ed25519, ecdsa]
# GRUB is on the disk already, and debconf is slow to learn where.
grub_dpkg: {enabled: false}
locale: false
CLOUD
chroot . systemctl -q enable systemd-networkd.service systemd-resolved.service
chroot . systemctl -q disable e2scrub_reap.service e2scrub_all.timer

# What this host's apt needed, and what was only for the build. The sources stay: they are this host's own.
rm -f etc/apt/apt.conf.d/99mmdebstrap
rm -rf var/lib/apt/lists/* var/cache/apt/*.bin var/cache/apt/archives/*.deb var/log/apt/* var/log/*.log
