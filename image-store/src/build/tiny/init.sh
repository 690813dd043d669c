#!/bin/busybox sh
# The initramfs: load what the root disk needs, mount it, hand over. Module files carry their place in the load order in their names.
b=/bin/busybox
$b mount -t devtmpfs dev /dev
for module in /modules/*; do $b insmod "$module" 2>/dev/null; done
# The disk is the first one, whatever the hypervisor calls it: a label could also be another attached volume's.
tries=0
while [ $tries -lt 400 ]; do
  for disk in vda1 nvme0n1p1 xvda1 sda1; do
    [ -b /dev/$disk ] && $b mount -t ext4 -o rw,noatime /dev/$disk /root && break 2
  done
  $b usleep 25000
  tries=$((tries + 1))
done
[ -x /root/sbin/init ] || { echo "freehold-tiny: no root disk"; exec $b sh; }
$b mount -o move /dev /root/dev
exec $b switch_root /root /sbin/init
