#!/bin/sh
# Run once by init at each start.
say() { echo "freehold-tiny: $* ($(cut -d' ' -f1 /proc/uptime) s)" >/dev/console; }

mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs -o mode=755,nosuid run /run
mount -t tmpfs -o mode=1777,nosuid tmp /tmp
mkdir -p /dev/pts
mount -t devpts pts /dev/pts
for module in /lib/boot-modules/*; do insmod "$module" 2>/dev/null; done
ip link set lo up
hostname tiny
say kernel is up

# StopInstances presses the power button.
acpid -c /etc/acpi -l /dev/null

tries=0
while [ ! -e /sys/class/net/eth0 ] && [ $tries -lt 100 ]; do usleep 50000; tries=$((tries + 1)); done
ip link set eth0 up
# Returns with the first lease, or after ten tries; stays to renew it either way.
udhcpc -i eth0 -s /etc/udhcpc.sh -t 10 -T 1 -A 2 -b -O mtu >/dev/null 2>&1
say network is up

/etc/first-boot
say ready
